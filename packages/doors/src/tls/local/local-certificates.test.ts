import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { silentLogger } from "@sandkeep/common";
import { certificateOptions, useCertificates } from "../server.ts";
import { LocalCertificates, type LocalOptions } from "./local-certificates.ts";

let dir: string;
beforeEach(async () => void (dir = await mkdtemp(join(tmpdir(), "sandkeep-tls-"))));
afterEach(() => rm(dir, { recursive: true }));

const open = (names: string[], more: Partial<LocalOptions> = {}) =>
  LocalCertificates.open({ dir, names: () => names, log: silentLogger, ...more });
const fallback = async (certificates: LocalCertificates) => (await certificates.fallback()).cert;

/** A server with these certificates, and clients that trust the CA. */
async function serve(certificates: LocalCertificates) {
  const server = createServer(await certificateOptions(certificates));
  useCertificates(server, certificates);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const ca = await readFile(certificates.caFile, "utf8");
  return {
    async connect(servername?: string): Promise<TLSSocket> {
      const { port } = server.address() as AddressInfo;
      const socket = connect({
        host: "127.0.0.1",
        port,
        ca,
        rejectUnauthorized: false,
        ...(servername && { servername }),
      });
      await once(socket, "secureConnect");
      socket.destroy();
      return socket;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

test("a client that trusts the CA connects by name and by address", async () => {
  await using certificates = await open(["localhost", "127.0.0.1"]);
  await using server = await serve(certificates);
  assert.equal((await server.connect("localhost")).authorized, true);
  assert.equal((await server.connect()).authorized, true);
});

test("other names get a certificate of their own, if they may have one", async () => {
  await using certificates = await open(["localhost"], { issues: (name) => name.endsWith(".box.localhost") });
  await using server = await serve(certificates);
  assert.equal((await server.connect("shop.box.localhost")).authorized, true);
  assert.equal((await server.connect("shop.other.localhost")).authorized, false);
});

test("keys can be read by their owner only", async () => {
  await using _ = await open(["localhost"]);
  for (const file of ["ca-key.pem", "server-key.pem"]) assert.equal((await stat(join(dir, file))).mode & 0o777, 0o600);
});

test("the same names give the same certificate; new names a new one of the same CA", async () => {
  await using first = await open(["localhost"]);
  await using second = await open(["localhost"]);
  assert.equal(await fallback(second), await fallback(first));
  const ca = await readFile(first.caFile, "utf8");
  await using third = await open(["localhost", "box.example", "192.0.2.7"]);
  assert.notEqual(await fallback(third), await fallback(first));
  assert.equal(await readFile(third.caFile, "utf8"), ca);
  assert.deepEqual(third.states()[0]!.names, ["localhost", "box.example", "192.0.2.7"]);
});

test("names that change while the server runs are in its certificate from then on", async () => {
  const names = ["localhost"];
  await using certificates = await open(names);
  await using server = await serve(certificates);
  names.push("127.0.0.1");
  assert.equal((await server.connect()).authorized, false);
  await certificates.renew();
  assert.equal((await server.connect()).authorized, true);
});

test("damaged files are made anew", async () => {
  await using first = await open(["localhost"]);
  await writeFile(join(dir, "server-key.pem"), "garbage");
  await using second = await open(["localhost"]);
  assert.notEqual(await fallback(second), await fallback(first));
  await writeFile(join(dir, "ca.pem"), "garbage");
  await using third = await open(["localhost"]);
  await using server = await serve(third);
  assert.equal((await server.connect("localhost")).authorized, true);
});
