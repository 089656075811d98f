import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { type ClientOptions, WebSocket, WebSocketServer } from "ws";
import { Heartbeat } from "./heartbeat.ts";

const SILENT_MS = 300;
let server: Server;
let heartbeat: Heartbeat;

beforeEach(async () => {
  heartbeat = new Heartbeat(SILENT_MS);
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(() => {
  heartbeat[Symbol.dispose]();
  server.closeAllConnections();
  server.close();
});

/** A watched connection: the server's end, the client's, and the moment at which the client was found silent. */
async function connection(options: ClientOptions = {}): Promise<{ served: WebSocket; client: WebSocket; silent: Promise<void>; isSilent: () => boolean }> {
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const accepted = new Promise<[WebSocket, Socket]>((resolve) =>
    server.once("upgrade", (request, socket: Socket, head) => wss.handleUpgrade(request, socket, head, (ws) => resolve([ws, socket]))),
  );
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options);
  client.on("error", () => {});
  await once(client, "open");
  const [served, transport] = await accepted;
  served.on("error", () => {});
  let found = false;
  const silent = new Promise<void>((resolve) => heartbeat.watch(served, transport, () => resolve(void (found = true))));
  return { served, client, silent, isSilent: () => found };
}

const periods = (count: number) => new Promise((resolve) => setTimeout(resolve, SILENT_MS * count));

test("a client that answers pings is alive", async () => {
  const { client, isSilent } = await connection();
  await once(client, "ping");
  await once(client, "ping");
  await once(client, "ping");
  assert.equal(isSilent(), false);
  client.terminate();
});

test("a client that answers nothing is found silent, once", async () => {
  const { client, silent } = await connection({ autoPong: false });
  const started = Date.now();
  await silent;
  const took = Date.now() - started;
  assert.ok(took >= SILENT_MS * 0.9 && took < SILENT_MS * 2.5, `${took} ms`);
  client.terminate();
});

test("a long message that arrives slowly is a sign of life", async () => {
  const { client, isSilent } = await connection({ autoPong: false });
  for (let i = 0; i < 12; i++) {
    client.send(Buffer.alloc(10), { fin: false, binary: true });
    await periods(0.3);
  }
  assert.equal(isSilent(), false);
  client.terminate();
});

test("a client that takes what waits for it, slowly, is alive; one that takes nothing is not", async () => {
  const { served, client, silent, isSilent } = await connection({ autoPong: false });
  // In pieces with a bound on what waits, as the RPC layer sends.
  const pump = () => {
    while (served.readyState === served.OPEN && served.bufferedAmount < 512 * 1024) served.send(Buffer.alloc(64 * 1024), pump);
  };
  pump();
  // Through the client's own transport, so that nothing is sent back.
  const transport = (client as unknown as { _socket: Socket })._socket;
  for (let i = 0; i < 8; i++) {
    transport.pause();
    await periods(0.3);
    const goal = transport.bytesRead + 8 * 1024 * 1024;
    transport.resume();
    while (transport.bytesRead < goal) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(isSilent(), false);
  transport.pause();
  await silent;
  client.terminate();
});

test("while the server does not read, nobody is silent; and a client that ends is noticed", async () => {
  const { served, client, isSilent } = await connection({ autoPong: false });
  served.pause();
  await periods(3);
  assert.equal(isSilent(), false);
  // As the kernel does it for a process that is killed.
  (client as unknown as { _socket: Socket })._socket.resetAndDestroy();
  await once(served, "close");
});
