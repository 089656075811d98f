import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type TLSSocket } from "node:tls";
import { LeafCertificates } from "@sandkeep/common/x509";
import type { EgressSpec } from "../contract.ts";
import { authorityPem, loadAuthority } from "../proxy/mod.ts";
import { newPlaceholder, Sealer } from "../secrets/mod.ts";
import { FakeGuest } from "../testing/guest.ts";
import { openProxies } from "./testing/open-proxies.ts";

const NAME = "endless.example";
const ANSWERS = 100;
/** What the proxy may hold for each of them, all its buffers together. A sandbox can have thousands. */
const MAX_KIB_EACH = 850;
const PIECE = Buffer.alloc(64 * 1024, "x");

/** An upstream whose answers never end. */
async function endless(dir: string) {
  const leaves = await LeafCertificates.create(await loadAuthority(dir));
  const context = await leaves.contextFor(NAME);
  const server = createServer({ SNICallback: (_, done) => done(null, context) }, (_, response: ServerResponse) => {
    const more = () => {
      while (!response.destroyed && response.write(PIECE));
    };
    response.on("drain", more);
    more();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

test("answers that nobody reads, and that are searched for secrets, take little memory each", async () => {
  await using cleanup = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sk-unread-"));
  cleanup.defer(() => rm(dir, { recursive: true }));
  const upstreamCa = join(dir, "upstream.pem");
  await writeFile(upstreamCa, await authorityPem(join(dir, "upstream")));
  const upstream = await endless(join(dir, "upstream"));
  cleanup.defer(() => void upstream.close().closeAllConnections());
  const ca = await authorityPem(join(dir, "egress"));
  const sealer = await Sealer.open(join(dir, "egress", "secrets.key"));
  const hosts = { [NAME]: `127.0.0.1:${(upstream.address() as AddressInfo).port}` };
  const proxies = cleanup.use(openProxies(dir, { hosts, caFiles: [upstreamCa] }));
  const placeholder = newPlaceholder();
  const sealed = sealer.seal("sk-0123456789abcdefghijklmnopqrstuvwxyz", placeholder);
  const spec: EgressSpec = {
    policy: { allow: [NAME], deny: [], rules: [] },
    secrets: [{ name: "KEY", placeholder, hosts: [NAME], in: [], sealed }],
  };
  const guest = cleanup.use(await FakeGuest.listen(join(dir, "guest")));
  await proxies.attach("a", guest.socket, spec);
  const ask = async (): Promise<TLSSocket> => {
    const socket = connect({ socket: await guest.connectTo(NAME, 443), servername: NAME, ca });
    socket.on("error", () => {});
    await once(socket, "secureConnect");
    socket.write(`GET / HTTP/1.1\r\nHost: ${NAME}\r\n\r\n`);
    return socket;
  };
  const residentKiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${proxies.pids[0]}/status`, "utf8"))![1]);

  // One that is read, so that the proxy's code is there.
  const first = await ask();
  await once(first, "data");
  first.destroy();
  const before = residentKiB();
  const unread: TLSSocket[] = [];
  for (let n = 0; n < ANSWERS; n++) unread.push((await ask()).pause());
  // Until it grows no more. (Nothing tells when everything is full.)
  let last = 0;
  do {
    last = residentKiB();
    await delay(1_000);
  } while (residentKiB() > last + 1_024);
  const each = (residentKiB() - before) / ANSWERS;
  for (const socket of unread) socket.destroy();
  assert.ok(each < MAX_KIB_EACH, `${each.toFixed()} KiB each`);
  assert.ok(each > 100, `Only ${each.toFixed()} KiB each: did the answers come?`);
});
