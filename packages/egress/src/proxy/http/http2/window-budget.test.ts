import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type ClientHttp2Session, connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { CONNECTION_WINDOW_BYTES, DEFAULT_WINDOW_BYTES, MAX_WINDOWS_BYTES } from "../../limits.ts";
import { Certificates, Lab } from "../../testing/lab.ts";
import { http2Upstream } from "../../testing/upstreams.ts";

test("a sandbox's HTTP/2 windows are bounded together, and are given back", async () => {
  const dir = await mkdtemp(join(tmpdir(), "egress-ca-"));
  await using web = await http2Upstream((stream) => {
    stream.respond({ ":status": 200 });
    stream.end();
  });
  await using lab = await Lab.start(await Certificates.make(dir), { hosts: { "web.test": web.port } });
  const open = async (): Promise<ClientHttp2Session> => {
    const carrier = await lab.open("web.test", 80);
    const client = connect("http://web.test", { createConnection: () => carrier });
    client.on("error", () => undefined);
    const stream = client.request({ ":path": "/" });
    await once(stream.resume(), "close");
    return client;
  };
  const windowOf = ({ state }: ClientHttp2Session) => state.remoteWindowSize!;
  const clients: ClientHttp2Session[] = [];
  for (let count = 0; count < MAX_WINDOWS_BYTES / CONNECTION_WINDOW_BYTES; count++) clients.push(await open());
  const wide = clients.filter((client) => windowOf(client) === CONNECTION_WINDOW_BYTES);
  assert.equal(windowOf(clients[0]!), CONNECTION_WINDOW_BYTES);
  assert.equal(windowOf(clients.at(-1)!), DEFAULT_WINDOW_BYTES);
  // Each has another window towards its upstream.
  assert.ok(
    wide.length * 2 * (CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES) <= MAX_WINDOWS_BYTES,
    `${wide.length} wide windows`,
  );
  assert.ok(clients.every((client) => [CONNECTION_WINDOW_BYTES, DEFAULT_WINDOW_BYTES].includes(windowOf(client))));
  for (const client of clients) client.destroy();
  await lab.reports(clients.length);
  for (;;) {
    const client = await open();
    const window = windowOf(client);
    client.destroy();
    if (window === CONNECTION_WINDOW_BYTES) break;
    await new Promise(setImmediate);
  }
  await rm(dir, { recursive: true });
});
