import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { silentLogger } from "@sandkeep/common";
import { WebSocketConnection } from "@sandkeep/rpc";
import { type ClientOptions, WebSocket, WebSocketServer } from "ws";
import { Heartbeat } from "./heartbeat.ts";

const SILENT_MS = 300;
/** By default no client may be busy here: silence means that it is gone. */
const NOT_BUSY = { silentMs: SILENT_MS, busyMs: SILENT_MS };
const TESTING = fileURLToPath(new URL("../testing", import.meta.url));
const UNSHARE = ["--user", "--map-root-user", "--net", "--fork", "--kill-child"];
const canUnshare = spawnSync("unshare", [...UNSHARE, "ip", "link"]).status === 0;

let server: Server;
let heartbeat: Heartbeat;
const clients: WebSocket[] = [];

beforeEach(async () => {
  heartbeat = new Heartbeat(NOT_BUSY);
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  heartbeat[Symbol.dispose]();
  for (const client of clients.splice(0)) client.terminate();
  server.closeAllConnections();
  server.close();
});

/** A watched connection: the server's end, the client's, and the moment at which the client was found silent. */
async function connection(
  options: ClientOptions = {},
  by = heartbeat,
): Promise<{ served: WebSocket; client: WebSocket; silent: Promise<string>; isSilent: () => boolean }> {
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const accepted = new Promise<[WebSocket, Socket]>((resolve) =>
    server.once("upgrade", (request, socket: Socket, head) =>
      wss.handleUpgrade(request, socket, head, (ws) => resolve([ws, socket])),
    ),
  );
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options);
  clients.push(client);
  client.on("error", () => {});
  await once(client, "open");
  const [served, transport] = await accepted;
  served.on("error", () => {});
  let found = false;
  const silent = new Promise<string>((resolve) =>
    by.watch(new WebSocketConnection(served, transport, silentLogger), (reason) => resolve(((found = true), reason))),
  );
  return { served, client, silent, isSilent: () => found };
}

const periods = (count: number) => new Promise((resolve) => setTimeout(resolve, SILENT_MS * count));

test("a client that answers pings is alive", async () => {
  const { client, isSilent } = await connection();
  await once(client, "ping");
  await once(client, "ping");
  await once(client, "ping");
  assert.equal(isSilent(), false);
});

test("a clock that is set makes nobody silent", async (t) => {
  const { isSilent } = await connection();
  const now = Date.now;
  t.mock.method(Date, "now", () => now() + 3_600_000);
  await periods(2);
  assert.equal(isSilent(), false);
});

test("a client that answers nothing is found silent, once", async () => {
  const { silent } = await connection({ autoPong: false });
  const started = Date.now();
  await silent;
  const took = Date.now() - started;
  assert.ok(took >= SILENT_MS * 0.9 && took < SILENT_MS * 2.5, `${took} ms`);
});

test("a client whose computer acknowledges for it may be busy, but not for ever", async () => {
  using patient = new Heartbeat({ silentMs: SILENT_MS, busyMs: 6 * SILENT_MS });
  const { client, silent, isSilent } = await connection({ autoPong: false }, patient);
  const started = Date.now();
  let pings = 0;
  client.on("ping", () => void pings++);
  await periods(4);
  assert.equal(isSilent(), false);
  assert.match(await silent, /^The client was silent for 2 s although its computer responds: the program hangs\.$/);
  assert.ok(Date.now() - started >= 6 * SILENT_MS * 0.9);
  // Only sent bytes can be unacknowledged.
  assert.ok(pings >= 4, String(pings));
});

test("a busy client that answers in the end stays", async () => {
  using patient = new Heartbeat({ silentMs: SILENT_MS, busyMs: 4 * SILENT_MS });
  const { client, isSilent } = await connection({ autoPong: false }, patient);
  for (let times = 0; times < 2; times++) {
    await periods(2.5);
    client.pong();
  }
  await periods(1);
  assert.equal(isSilent(), false);
});

test("a client that is cut off is gone after a moment, those that are stopped are not", {
  skip: !canUnshare && "needs user namespaces and ip(8)",
}, async () => {
  const command = [
    process.execPath,
    ...process.execArgv.filter((flag) => flag.startsWith("--conditions")),
    `${TESTING}/vanishing-client.ts`,
  ];
  const { stdout } = await promisify(execFile)(
    "unshare",
    [...UNSHARE, "sh", `${TESTING}/two-computers.sh`, ...command],
    { timeout: 60_000 },
  );
  const { stopped, cut, tookMs } = JSON.parse(stdout) as { stopped: string[]; cut: string; tookMs: number };
  assert.deepEqual(stopped, []);
  assert.match(cut, /^The client was silent for \d+ s and its computer does not respond\.$/);
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
});

test("a long message that arrives slowly is a sign of life", async () => {
  const { client, isSilent } = await connection({ autoPong: false });
  for (let i = 0; i < 12; i++) {
    client.send(Buffer.alloc(10), { fin: false, binary: true });
    await periods(0.3);
  }
  assert.equal(isSilent(), false);
});

test("a client that takes what waits for it, slowly, is alive; one that takes nothing is not", async () => {
  // With a longer limit: on a busy computer these bytes move slowly.
  using patient = new Heartbeat({ silentMs: 3 * SILENT_MS, busyMs: 3 * SILENT_MS });
  const { served, client, silent, isSilent } = await connection({ autoPong: false }, patient);
  // In pieces with a limit on what waits, as the RPC layer sends.
  const pump = () => {
    while (served.readyState === served.OPEN && served.bufferedAmount < 512 * 1024)
      served.send(Buffer.alloc(64 * 1024), pump);
  };
  pump();
  // Through the client's own transport, so that nothing is sent back.
  const transport = (client as unknown as { _socket: Socket })._socket;
  for (let i = 0; i < 5; i++) {
    transport.pause();
    await periods(0.9);
    const goal = transport.bytesRead + 8 * 1024 * 1024;
    transport.resume();
    while (transport.bytesRead < goal) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(isSilent(), false);
  transport.pause();
  await silent;
});

test("while the server does not read, nobody is silent; and a client that ends is noticed", async () => {
  const { served, client, isSilent } = await connection({ autoPong: false });
  served.pause();
  await periods(3);
  assert.equal(isSilent(), false);
  // As the kernel does for a killed process.
  (client as unknown as { _socket: Socket })._socket.resetAndDestroy();
  await once(served, "close");
});
