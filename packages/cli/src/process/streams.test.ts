import assert from "node:assert/strict";
import { PassThrough, Writable } from "node:stream";
import { test } from "node:test";
import { Collected } from "./collect.ts";
import { feedStdin, pump } from "./streams.ts";

const chunk = (size: number) => new Uint8Array(size);

test("output is read no faster than it is written", async () => {
  let pulled = 0;
  const from = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => (pulled++ < 100 ? controller.enqueue(chunk(1_000)) : controller.close()),
    },
    { highWaterMark: 0 },
  );
  const waiting: (() => void)[] = [];
  const to = new Writable({ highWaterMark: 2_000, write: (_chunk, _encoding, done) => void waiting.push(done) });
  const pumping = pump(from, to);
  await new Promise(setImmediate);
  assert.ok(pulled < 5, `pulled ${pulled} while nothing was written`);
  const writing = setInterval(() => waiting.shift()?.(), 0);
  await pumping;
  clearInterval(writing);
  assert.equal(to.listenerCount("drain") + to.listenerCount("close"), 0);
  assert.equal(pulled, 101);
});

test("output without a reader is cancelled, also when nothing more would arrive", async () => {
  for (const leave of [
    (to: PassThrough) => void to.destroy(),
    (to: PassThrough) => void to.emit("error", Object.assign(new Error("write"), { code: "EPIPE" })),
  ]) {
    const to = new PassThrough();
    let cancelled = false;
    const from = new ReadableStream<Uint8Array>({
      start: (c) => c.enqueue(chunk(1)),
      cancel: () => void (cancelled = true),
    });
    const pumping = pump(from, to);
    await new Promise(setImmediate);
    leave(to);
    assert.equal(await pumping, true);
    assert.equal(cancelled, true);
    assert.equal(to.listenerCount("error") + to.listenerCount("close"), 0);
  }
});

test("input is read no faster than the process reads it, and its end is forwarded", async () => {
  const stdin = new PassThrough({ highWaterMark: 1 });
  let written = 0;
  const gates: (() => void)[] = [];
  let closed: () => void;
  const ended = new Promise<void>((resolve) => (closed = resolve));
  const to = new WritableStream<Uint8Array>({
    write: (bytes) =>
      new Promise((resolve) => {
        written += bytes.length;
        gates.push(resolve);
      }),
    close: () => closed(),
  });
  using _ = feedStdin(stdin, to);
  const turn = () => new Promise(setImmediate);
  stdin.write(chunk(10));
  while (gates.length === 0) await turn();
  stdin.write(chunk(20));
  stdin.end(chunk(30));
  await turn();
  assert.equal(written, 10, "the rest waits for the first");
  const writing = setInterval(() => gates.shift()?.(), 0);
  await ended;
  clearInterval(writing);
  assert.equal(written, 60);
});

test("on a terminal the end of the input is a key", async () => {
  const stdin = new PassThrough();
  const written: number[] = [];
  const to = new WritableStream<Uint8Array>({ write: (bytes) => void written.push(...bytes) });
  using _ = feedStdin(stdin, to, { atEnd: Uint8Array.of(4) });
  stdin.end(Uint8Array.of(1));
  while (written.length < 2) await new Promise(setImmediate);
  assert.deepEqual(written, [1, 4]);
});

test("when a process closes its input, the rest is not read", async () => {
  const stdin = new PassThrough();
  const to = new WritableStream<Uint8Array>({
    write: () => {
      throw new Error("broken pipe");
    },
  });
  feedStdin(stdin, to);
  stdin.write(chunk(1));
  while (stdin.listenerCount("readable") > 0) await new Promise(setImmediate);
});

test("collected output is bounded", async () => {
  const collected = new Collected(new PassThrough());
  const { stdout } = collected.streams;
  for (let i = 0; i < 17; i++) stdout.write(Buffer.alloc(2 ** 20, "x"));
  stdout.end();
  await new Promise((resolve) => stdout.once("close", resolve));
  assert.equal(collected.stdout.length, 16 * 2 ** 20);
  assert.equal(collected.truncated, true);
  assert.equal(collected.stderr, "");
});
