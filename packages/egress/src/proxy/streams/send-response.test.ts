import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough, Readable, Writable } from "node:stream";
import { test } from "node:test";
import { sendResponse } from "./send-response.ts";

const bytes = (count: number) => Buffer.alloc(count, "x");

test("a body is sent whole, and the stream stays open", async () => {
  const sink = new PassThrough();
  const received = (async () => (await sink.toArray()).reduce((sum, { length }) => sum + length, 0))();
  await sendResponse(Readable.from([bytes(70_000), bytes(1), bytes(70_000)], { objectMode: false }), sink);
  assert.ok(sink.writable);
  sink.end();
  assert.equal(await received, 140_001);
});

test("a body waits for a slow stream", async () => {
  const body = new Readable({ read: () => undefined });
  let taken = () => {};
  const sink = new Writable({
    highWaterMark: 10,
    write: (_chunk, _encoding, done) => {
      taken = done;
    },
  });
  const sent = sendResponse(body, sink);
  body.push(bytes(10));
  await once(body, "pause");
  const resumed = once(body, "resume");
  await new Promise(setImmediate);
  taken();
  await resumed;
  body.push(null);
  await sent;
});

test("a stream that closes first destroys the body", async () => {
  const body = new Readable({ read: () => undefined });
  const sink = new PassThrough();
  const sent = sendResponse(body, sink);
  sink.destroy();
  await assert.rejects(sent, /disconnected/);
  assert.ok(body.destroyed);
  const late = new Readable({ read: () => undefined });
  await assert.rejects(sendResponse(late, sink), /disconnected/);
  assert.ok(late.destroyed);
});

test("a body that fails or is cut off is an error, and the stream is its owner's to end", async () => {
  for (const [error, words] of [
    [new Error("reset"), /reset/],
    [undefined, /cut off/],
  ] as const) {
    const body = new Readable({ read: () => undefined });
    const sink = new PassThrough();
    const sent = sendResponse(body, sink);
    body.destroy(error);
    await assert.rejects(sent, words);
    assert.ok(!sink.destroyed);
    await assert.rejects(sendResponse(body, new PassThrough()), /cut off/);
  }
});
