import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionClosedError } from "../errors/connection.ts";
import type { Peer } from "../testing/peer.ts";
import { NO_ANSWER, PeerServer } from "../testing/peer.ts";
import type { Connection } from "./connection.ts";
import { openConnection } from "./open.ts";
import { MAX_CHUNK_BYTES } from "./outbound-streams.ts";

async function connect(server: PeerServer): Promise<{ connection: Connection; peer: Peer }> {
  const connection = await openConnection({
    url: new URL(server.endpoint.replace("http", "ws")),
    headers: {},
    debug: false,
  });
  return { connection, peer: server.peer };
}

async function text(stream: ReadableStream<Uint8Array>): Promise<string> {
  return await new Response(stream as ReadableStream<Uint8Array<ArrayBuffer>>).text();
}

/** Resolves when everything that the server has sent so far has been handled here. */
async function settled(connection: Connection): Promise<void> {
  await connection.call("envGet", { key: "x" });
}

const handlers = { envGet: () => null };

test("a stream is complete, whether it is taken before, while or after it arrives", async () => {
  await using server = await PeerServer.start(handlers);
  const { connection, peer } = await connect(server);

  const early = text(connection.receive(1));
  peer.stream(1, "start");
  peer.data(1, "one ");
  peer.data(1, "two");
  peer.stream(1, "end");
  assert.equal(await early, "one two");

  peer.stream(2, "start");
  peer.data(2, "before ");
  await settled(connection);
  const amid = text(connection.receive(2));
  peer.data(2, "after");
  peer.stream(2, "end");
  assert.equal(await amid, "before after");

  peer.stream(3, "start");
  peer.data(3, "long over");
  peer.stream(3, "end");
  await settled(connection);
  assert.equal(await text(connection.receive(3)), "long over");
  await connection.close();
});

test("keeps streams of the same id on two connections apart", async () => {
  await using server = await PeerServer.start(handlers);
  const first = await connect(server);
  const second = await connect(server);
  const one = text(first.connection.receive(1));
  const two = text(second.connection.receive(1));
  for (const [{ peer }, content] of [
    [first, "first"],
    [second, "second"],
  ] as const) {
    peer.stream(1, "start");
    peer.data(1, content);
    peer.stream(1, "end");
  }
  assert.deepEqual(await Promise.all([one, two]), ["first", "second"]);
  await Promise.all([first.connection.close(), second.connection.close()]);
});

test("can be read into the reader's own buffers, to the end", async () => {
  await using server = await PeerServer.start(handlers);
  const { connection, peer } = await connect(server);
  const reader = connection.receive(1).getReader({ mode: "byob" });
  peer.stream(1, "start");
  peer.data(1, "abc");
  const first = await reader.read(new Uint8Array(2));
  const second = await reader.read(new Uint8Array(2));
  assert.deepEqual([first.value, second.value], [new Uint8Array([97, 98]), new Uint8Array([99])]);
  const last = reader.read(new Uint8Array(2));
  peer.stream(1, "end");
  assert.equal((await last).done, true);
  await connection.close();
});

test("fails with the error that the server sends", async () => {
  await using server = await PeerServer.start(handlers);
  const { connection, peer } = await connect(server);
  const reading = text(connection.receive(1));
  peer.stream(1, "start");
  peer.stream(1, "error", { error: { constructorName: "RangeError", message: "too far" } });
  peer.stream(1, "end");
  await assert.rejects(
    () => reading,
    (error) => error instanceof RangeError && error.message === "too far",
  );
  await connection.close();
});

test("notifies the server when nobody reads any more, and drops what still arrives", async () => {
  await using server = await PeerServer.start(handlers);
  const { connection, peer } = await connect(server);
  const stream = connection.receive(1);
  peer.stream(1, "start");
  peer.data(1, "x");
  await stream.cancel("enough");
  const { streamId, reason } = await peer.notified("$sandbox.stream.cancel");
  assert.equal(streamId, 1);
  assert.equal((reason as { message: string }).message, "enough");
  peer.data(1, "late");
  peer.stream(1, "end");
  peer.stream(99, "end");
  await settled(connection);
  await connection.close();
});

test("fails open streams when the connection ends", async () => {
  await using server = await PeerServer.start(handlers);
  const { connection, peer } = await connect(server);
  const reading = text(connection.receive(1));
  peer.stream(1, "start");
  peer.socket.terminate();
  await assert.rejects(() => reading, ConnectionClosedError);
});

test("sends a stream in chunks of a bounded size, announced first and ended last", async () => {
  await using server = await PeerServer.start(handlers);
  const { connection, peer } = await connect(server);
  const data = new Uint8Array(2 * MAX_CHUNK_BYTES + 3).map((_, index) => index % 251);
  const streamId = connection.sendStream(ReadableStream.from([new Uint8Array(), data]) as ReadableStream<Uint8Array>);
  await peer.notified("$sandbox.stream.end");
  const frames = peer.received.filter((frame) => frame !== "ping") as {
    method: string;
    params: { streamId: number; data: string };
  }[];
  assert.deepEqual(
    frames.map(({ method }) => method.split(".").at(-1)),
    ["start", "enqueue", "enqueue", "enqueue", "end"],
  );
  assert.ok(frames.every(({ params }) => params.streamId === streamId));
  const sent = Buffer.concat(frames.slice(1, -1).map(({ params }) => Buffer.from(params.data, "base64")));
  assert.ok(sent.equals(data));
  await connection.close();
});

test("tells the server why a stream broke", async () => {
  await using server = await PeerServer.start(handlers);
  const { connection, peer } = await connect(server);
  connection.sendStream(new ReadableStream({ start: (controller) => controller.error(new RangeError("broken")) }));
  const { error } = await peer.notified("$sandbox.stream.error");
  assert.deepEqual(error, { constructorName: "RangeError", message: "broken", name: "RangeError", code: null });
  connection.sendStream(ReadableStream.from(["text"]) as never);
  const other = await peer.frame(
    ({ method, params }) => method === "$sandbox.stream.error" && (params as { streamId: number }).streamId === 2,
  );
  assert.match(JSON.stringify(other), /Uint8Array/);
  await connection.close();
});

test("stops a stream that the server cancels", async () => {
  await using server = await PeerServer.start(handlers);
  const { connection, peer } = await connect(server);
  const { promise: cancelled, resolve } = Promise.withResolvers<unknown>();
  connection.sendStream(new ReadableStream({ cancel: resolve }));
  peer.stream(1, "cancel", { reason: { constructorName: "Error", message: "the process is gone" } });
  assert.equal(((await cancelled) as Error).message, "the process is gone");
  await connection.close();
});

test("discards the rest of a stream that was released, without starving the rest of the program", async () => {
  await using server = await PeerServer.start(handlers);
  const { connection, peer } = await connect(server);
  let taken = 0;
  let enough = false;
  const released = Promise.withResolvers<void>();
  const endless = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (taken++ > 0) await released.promise;
      if (enough || taken > 100_000) controller.close();
      else controller.enqueue(new Uint8Array(1));
    },
  });
  const streamId = connection.sendStream(endless);
  await peer.notified("$sandbox.stream.enqueue");
  connection.releaseStream(streamId);
  released.resolve();
  await settled(connection);
  const before = taken;
  await settled(connection);
  assert.ok(taken > before);
  enough = true;
  await settled(connection);
  await connection.close();
  assert.ok(!peer.received.some((frame) => (frame as { method?: string }).method === "$sandbox.stream.end"));
});

test("reads from a source only as fast as the server reads", async () => {
  await using server = await PeerServer.start({ envGet: () => NO_ANSWER });
  const { connection, peer } = await connect(server);
  peer.socket.pause();
  let taken = 0;
  const chunk = new Uint8Array(MAX_CHUNK_BYTES);
  const limit = 64 * 1024 * 1024;
  connection.sendStream(
    new ReadableStream(
      {
        pull(controller) {
          taken += chunk.length;
          if (taken >= limit) controller.close();
          else controller.enqueue(chunk);
        },
      },
      { highWaterMark: 0 },
    ),
  );
  // Enough turns of the event loop for all of it, if nothing held it back.
  for (let turn = 0; turn < 5_000; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(taken < limit / 2, `${taken} bytes were taken`);
  connection.terminate();
});
