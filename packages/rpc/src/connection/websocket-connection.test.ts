import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { after, afterEach, before, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { type ClientOptions, WebSocket, WebSocketServer } from "ws";
import { WebSocketConnection } from "./websocket-connection.ts";

/** Longer than any test, so that nothing is cut off. */
const PATIENT_MS = 600_000;

let server: Server;
let sockets: WebSocketServer;
const clients: WebSocket[] = [];

before(async () => {
  server = createServer().listen(0, "127.0.0.1");
  sockets = new WebSocketServer({ server });
  await once(server, "listening");
});
afterEach(() => {
  for (const client of clients.splice(0)) client.terminate();
});
after(() => {
  sockets.close();
  server.close();
});

/** Both ends of a WebSocket. */
async function connect(options: ClientOptions = {}) {
  const accepted = once(sockets, "connection");
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, options);
  clients.push(client);
  client.on("error", () => {});
  const [[socket, { socket: transport }]] = (await Promise.all([accepted, once(client, "open")])) as [
    [WebSocket, { socket: Socket }],
    unknown,
  ];
  const connection = new WebSocketConnection(socket, transport, silentLogger);
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    client.once("close", (code, reason) => resolve({ code, reason: String(reason) })),
  );
  return { connection, client, closed };
}

/** The client's own TCP connection: pausing it makes a client that reads nothing. */
const transportOf = (client: WebSocket) => (client as unknown as { _socket: Socket })._socket;

test("a close tells both sides the code and the reason, those of the first call", async () => {
  const { connection, closed } = await connect();
  connection.close(1001, "first", PATIENT_MS);
  connection.close(1008, "second", PATIENT_MS);
  assert.equal(connection.open, false);
  assert.deepEqual(await closed, { code: 1001, reason: "first" });
  assert.deepEqual(await connection.closed, { code: 1001, reason: "first" });
});

test("when the client closes, its code and reason are told", async () => {
  const { connection, client } = await connect();
  client.close(4000, "done");
  assert.deepEqual(await connection.closed, { code: 4000, reason: "done" });
  connection.close(1001, "too late", 0);
});

test("a client that does not answer a close is cut off, and a further close can only shorten the time it has", async () => {
  const { connection, client } = await connect();
  transportOf(client).pause();
  connection.close(1001, "bye", PATIENT_MS);
  connection.close(1001, "bye", 20);
  connection.close(1001, "bye", PATIENT_MS);
  assert.deepEqual(await connection.closed, { code: 1001, reason: "bye" });
});

test("without grace a client is cut off at once", async () => {
  const { connection, client } = await connect();
  transportOf(client).pause();
  connection.close(1013, "too much", 0);
  assert.deepEqual(await connection.closed, { code: 1013, reason: "too much" });
});

test("a connection that is not read is closed all the same", async () => {
  const { connection, closed } = await connect();
  connection.pause();
  assert.equal(connection.paused, true);
  connection.close(1001, "bye", PATIENT_MS);
  assert.equal((await closed).code, 1001);
  await connection.closed;
});

test("messages arrive with their kind, and none after a close", async () => {
  const { connection, client } = await connect();
  const got: [string, boolean][] = [];
  const second = Promise.withResolvers<void>();
  connection.onMessage((bytes, isText) => {
    got.push([bytes.toString(), isText]);
    if (got.length === 2) second.resolve();
  });
  client.send("text");
  client.send(Buffer.from("binary"));
  await second.promise;
  client.send("late");
  connection.close(1001, "bye", PATIENT_MS);
  await connection.closed;
  assert.deepEqual(got, [
    ["text", true],
    ["binary", false],
  ]);
});

test("the bytes of an unfinished message are told, and that there are none left once it is whole or the connection over", async () => {
  const { connection, client } = await connect();
  const told: number[] = [];
  let next = Promise.withResolvers<void>();
  connection.onUnfinished((bytes) => {
    told.push(bytes);
    next.resolve();
    next = Promise.withResolvers();
  });
  const until = async (met: () => boolean) => {
    while (!met()) await next.promise;
  };
  client.send(Buffer.alloc(1_000), { fin: false });
  await until(() => (told.at(-1) ?? 0) >= 1_000);
  client.send(Buffer.alloc(1_000), { fin: false });
  await until(() => told.at(-1)! >= 2_000);
  client.send(Buffer.alloc(10), { fin: true });
  await until(() => told.includes(0));
  client.send(Buffer.alloc(5_000), { fin: false });
  await until(() => told.at(-1)! >= 5_000);
  client.terminate();
  await connection.closed;
  assert.equal(told.at(-1), 0);
});

test("a probe makes the client's WebSocket answer, and the answer counts as received", async () => {
  const { connection } = await connect();
  const before = connection.receivedBytes;
  connection.probe();
  while (connection.receivedBytes === before) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(connection.sentBytes > 0);
  assert.equal(connection.waitingBytes, 0);
  assert.equal(connection.remote, "127.0.0.1");
});

test("what is sent is told to have left, and so is what never will", async () => {
  const { connection, client } = await connect();
  await new Promise<void>((resolve) => connection.send("one", resolve));
  transportOf(client).pause();
  const sent = Array.from(
    { length: 64 },
    () => new Promise<void>((resolve) => connection.send("x".repeat(1 << 18), resolve)),
  );
  assert.ok(connection.bufferedBytes > 0);
  connection.close(1001, "bye", 0);
  await Promise.all(sent);
});
