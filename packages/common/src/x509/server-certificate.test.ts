import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { connect, createServer } from "node:tls";
import { createAuthority } from "./authority.ts";
import { keyPem, newKeyPair } from "./keys.ts";
import { issueServerCertificate } from "./server-certificate.ts";
import { DAY_MS } from "./validity.ts";

const authority = await createAuthority("Test");
const keys = await newKeyPair();
const names = ["localhost", "*.box.example", "127.0.0.1", "::1"];
const pem = await issueServerCertificate(authority, {
  commonName: "Server, with a comma",
  names,
  publicKey: keys.publicKey,
  validMs: 7 * DAY_MS,
});

test("a certificate is for its names and addresses, for its time, and no authority", () => {
  const certificate = new X509Certificate(pem);
  assert.ok(certificate.verify(new X509Certificate(authority.pem).publicKey));
  assert.equal(certificate.ca, false);
  assert.match(certificate.subject, /Server\\?, with a comma/);
  assert.ok(certificate.checkHost("localhost") && certificate.checkHost("a.box.example"));
  assert.ok(certificate.checkIP("127.0.0.1") && certificate.checkIP("::1"));
  assert.equal(certificate.checkHost("other.example"), undefined);
  assert.equal(certificate.checkIP("127.0.0.2"), undefined);
  const left = certificate.validToDate.getTime() - Date.now();
  assert.ok(left <= 7 * DAY_MS && left > 6 * DAY_MS);
});

test("a client that trusts the authority connects, and one that does not refuses", async () => {
  const server = createServer({ cert: pem, key: keyPem(keys.privateKey) }, (socket) => socket.end());
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const trusting = connect({ host: "127.0.0.1", port, ca: authority.pem });
    await once(trusting, "secureConnect");
    assert.ok(trusting.authorized);
    trusting.destroy();
    const distrusting = connect({ host: "127.0.0.1", port });
    const [error] = (await once(distrusting, "error")) as [Error & { code: string }];
    assert.match(error.code, /CERT|SIGNATURE|ISSUER/);
  } finally {
    server.close();
  }
});
