import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { UpstreamSocket } from "./upstream-socket.ts";

/** A server that answers what it has read of `bytes`, and is gone: what is still unread makes that a reset. */
async function cutShort(
  answer: string,
  more: (client: Socket) => void,
): Promise<{ text: string; ended: boolean; error: string | undefined }> {
  let client: Socket;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write(answer);
      socket.destroy();
      // In the same turn of the event loop: nobody has read the answer yet.
      more(client);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  client = new UpstreamSocket().connect((server.address() as { port: number }).port, "127.0.0.1");
  let text = "";
  let ended = false;
  let error: string | undefined;
  client
    .on("data", (chunk: Buffer) => (text += chunk.toString()))
    .on("end", () => (ended = true))
    .on("error", (cause: NodeJS.ErrnoException) => (error = cause.code));
  const closed = once(client, "close");
  client.write(Buffer.alloc(150_000, "x"));
  await closed.catch(() => undefined);
  server.close();
  return { text, ended, error };
}

test("what was received before sending failed is read, and then the failure is told", async () => {
  for (let round = 0; round < 20; round++) {
    const { text, ended, error } = await cutShort("answer", (client) => {
      client.write("more");
      client.write("and more");
    });
    assert.equal(text, "answer");
    assert.equal(ended, false, "a reset is no end");
    assert.match(String(error), /^(EPIPE|ECONNRESET)$/);
  }
});

test("ending a connection that was reset tells of the reset too", async () => {
  const { text, error } = await cutShort("answer", (client) => {
    client.write("more");
    client.end("last");
  });
  assert.equal(text, "answer");
  assert.match(String(error), /^(EPIPE|ECONNRESET)$/);
});

test("a failure after everything was read ends the connection at once", async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined).resume();
    socket.end("answer", () => socket.resetAndDestroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = new UpstreamSocket().connect((server.address() as { port: number }).port, "127.0.0.1");
  client.resume();
  await once(client, "end");
  const closed = once(client, "close").catch(() => undefined);
  client.on("error", () => undefined);
  const sending = setInterval(() => client.write("more"), 1);
  await closed;
  clearInterval(sending);
  server.close();
});
