import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { connect } from "node:tls";
import { silentLogger } from "@sandkeep/common";
import { createAuthority, DAY_MS, issueServerCertificate, keyPem, newKeyPair } from "@sandkeep/common/x509";
import { FileCertificates } from "./files.ts";
import { certificateOptions, useCertificates } from "./server.ts";

const authority = await createAuthority("Test");
let dir: string;
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), "sandkeep-tls-"))));
afterEach(() => rm(dir, { recursive: true }));

/** Writes a certificate for these names. */
async function write(name: string, names: string[]): Promise<{ certFile: string; keyFile: string }> {
  const { publicKey, privateKey } = await newKeyPair();
  const files = { certFile: join(dir, `${name}.pem`), keyFile: join(dir, `${name}-key.pem`) };
  const cert = await issueServerCertificate(authority, { commonName: name, names, publicKey, validMs: DAY_MS });
  await writeFile(files.certFile, cert);
  await writeFile(files.keyFile, keyPem(privateKey));
  return files;
}

/** A server with these certificates; resolves to the name of the one that a client gets. */
async function serve(certificates: FileCertificates) {
  const server = createServer(await certificateOptions(certificates));
  const used = useCertificates(server, certificates);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    async subjectFor(servername?: string): Promise<string> {
      const { port } = server.address() as AddressInfo;
      const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...(servername && { servername }) });
      await once(socket, "secureConnect");
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      return String(subject.CN);
    },
    async [Symbol.asyncDispose]() {
      used[Symbol.dispose]();
      server.close();
      await once(server, "close");
    },
  };
}

test("a client gets the certificate for the name that it asks for, else the first one", async () => {
  const files = [await write("api", ["api.example.com"]), await write("doors", ["*.box.example.com"])] as const;
  await using certificates = await FileCertificates.open(files, silentLogger);
  await using server = await serve(certificates);
  assert.equal(await server.subjectFor("api.example.com"), "api");
  assert.equal(await server.subjectFor("shop.box.example.com"), "doors");
  assert.equal(await server.subjectFor("SHOP.box.example.com"), "doors");
  assert.equal(await server.subjectFor("a.shop.box.example.com"), "api");
  assert.equal(await server.subjectFor("other.example.com"), "api");
  assert.equal(await server.subjectFor(), "api");
});

test("files that change are used at once when they are read again, also for clients that name no server", async () => {
  await using certificates = await FileCertificates.open([await write("one", ["api.example.com"])], silentLogger);
  await using server = await serve(certificates);
  assert.equal(await server.subjectFor("api.example.com"), "one");
  const { certFile, keyFile } = await write("two", ["api.example.com"]);
  const { rename } = await import("node:fs/promises");
  await rename(certFile, join(dir, "one.pem"));
  await rename(keyFile, join(dir, "one-key.pem"));
  await certificates.reload();
  assert.equal(await server.subjectFor("api.example.com"), "two");
  assert.equal(await server.subjectFor(), "two");
  assert.equal(certificates.states()[0]!.problem, null);
});

test("files that cannot be used leave the previous certificate in place, and the state says why", async () => {
  const files = await write("one", ["api.example.com"]);
  await using certificates = await FileCertificates.open([files], silentLogger);
  await using server = await serve(certificates);
  const other = await write("other", ["api.example.com"]);
  for (const [content, expected] of [
    ["garbage", /cannot be used: there is no PEM certificate/],
    ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", /cannot be used/],
    [(await import("node:fs")).readFileSync(other.certFile, "utf8"), /cannot be used: .*key/i],
  ] as const) {
    await writeFile(files.certFile, content);
    await certificates.reload();
    assert.match(certificates.states()[0]!.problem!, expected);
    assert.equal(await server.subjectFor("api.example.com"), "one");
  }
  await rm(files.certFile);
  await certificates.reload();
  assert.match(certificates.states()[0]!.problem!, /Cannot read the TLS file/);
});

test("a new certificate that a server cannot use ends nothing, and the state says why", async () => {
  await using certificates = await FileCertificates.open([await write("one", ["api.example.com"])], silentLogger);
  using _listener = certificates.onFallback(() => {
    throw new Error("too short a key");
  });
  await write("one", ["api.example.com"]);
  await certificates.reload();
  assert.equal(certificates.states()[0]!.problem, "too short a key");
});

test("files that are missing or do not belong together are refused at the start", async () => {
  const one = await write("one", ["api.example.com"]);
  const two = await write("two", ["api.example.com"]);
  const open = (files: { certFile: string; keyFile: string }) => FileCertificates.open([files], silentLogger);
  await assert.rejects(open({ ...one, keyFile: two.keyFile }), /cannot be used/);
  await assert.rejects(open({ ...one, certFile: join(dir, "missing.pem") }), /Cannot read the TLS file/);
});
