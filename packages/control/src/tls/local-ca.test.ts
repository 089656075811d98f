import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { localCa } from "./local-ca.ts";

let dir: string;
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), "sandkeep-tls-"))));
afterEach(() => rm(dir, { recursive: true }));

test("a client that trusts the CA connects by name and by address", async () => {
  const { cert, key, caFile } = await localCa(dir, ["localhost", "127.0.0.1", "::1"]);
  const server = createServer({ cert, key }, (_request, response) => response.end("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ca = await readFile(caFile as string, "utf8");
  for (const host of ["127.0.0.1", "localhost"]) {
    const sent = request({ host, port, ca, family: 4, agent: false });
    sent.end();
    const [response] = await once(sent, "response");
    assert.equal(response.statusCode, 200);
    response.resume();
  }
  const distrusting = request({ host: "127.0.0.1", port, agent: false });
  distrusting.end();
  const [error] = await once(distrusting, "error");
  assert.match(error.code, /CERT|SIGNATURE|ISSUER/);
  server.close();
});

test("keys can be read by their owner only", async () => {
  await localCa(dir, ["localhost"]);
  for (const file of ["ca-key.pem", "server-key.pem"]) assert.equal((await stat(join(dir, file))).mode & 0o777, 0o600);
});

test("the same names give the same certificate; new names a new one of the same CA", async () => {
  const first = await localCa(dir, ["localhost"]);
  const second = await localCa(dir, ["localhost"]);
  assert.equal(second.cert, first.cert);
  const ca = await readFile(first.caFile as string, "utf8");
  const third = await localCa(dir, ["localhost", "box.example", "192.0.2.7"]);
  assert.notEqual(third.cert, first.cert);
  assert.equal(await readFile(third.caFile as string, "utf8"), ca);
  const leaf = new X509Certificate(third.cert);
  assert.ok(leaf.checkHost("box.example"));
  assert.ok(leaf.checkIP("192.0.2.7"));
  assert.ok(leaf.verify(new X509Certificate(ca).publicKey));
});

test("damaged files are made anew", async () => {
  const first = await localCa(dir, ["localhost"]);
  await writeFile(join(dir, "server-key.pem"), "garbage");
  const second = await localCa(dir, ["localhost"]);
  assert.notEqual(second.cert, first.cert);
  await writeFile(join(dir, "ca.pem"), "garbage");
  const third = await localCa(dir, ["localhost"]);
  assert.ok(
    new X509Certificate(third.cert).verify(new X509Certificate(await readFile(third.caFile as string)).publicKey),
  );
});
