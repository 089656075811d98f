import assert from "node:assert/strict";
import { once } from "node:events";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { untilAbandoned } from "./until-abandoned.ts";

const SILENT_MS = 60_000;
const PIECE = Buffer.alloc(256 * 1024, 7);

/** A source of many pieces, and its time. */
function open(context: TestContext, pieces: number) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const source = Readable.from(
    (function* () {
      for (let n = 0; n < pieces; n++) yield PIECE;
    })(),
    { objectMode: false },
  );
  /** Time goes on, and streams do what they have to do. */
  const pass = async (ms: number) => {
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    context.mock.timers.tick(ms);
    for (let turn = 0; turn < 20; turn++) await setImmediate();
  };
  return { source, stream: untilAbandoned(source, SILENT_MS), pass };
}

test("a stream that is read has everything, however slowly it is read", async (context) => {
  const { source, stream, pass } = open(context, 10);
  let bytes = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    assert.ok(piece.every((byte) => byte === 7));
    bytes += piece.length;
    await pass(SILENT_MS - 1);
  }
  assert.equal(bytes, 10 * PIECE.length);
  assert.ok(source.destroyed);
});

for (const [what, read] of [
  ["never", 0],
  ["no more", 3],
] as const)
  test(`a stream that is ${what} read is destroyed with its source`, async (context) => {
    const { source, stream, pass } = open(context, 10);
    const pieces = stream.iterator({ destroyOnReturn: false });
    for (let n = 0; n < read; n++) await pieces.next();
    await pass(SILENT_MS - 1);
    assert.ok(!source.destroyed);
    await pass(1);
    assert.match(String(stream.errored), /Nobody has read anything for 60 s/);
    assert.ok(source.destroyed);
  });

test("a stream of which only the last piece is not read is destroyed too", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const stream = untilAbandoned(Readable.from([Buffer.from("short")], { objectMode: false }), SILENT_MS);
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  context.mock.timers.tick(SILENT_MS);
  assert.ok(stream.destroyed);
});

test("a source that is slow is waited for", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const source = new Readable({ read() {} });
  const whole = buffer(untilAbandoned(source, SILENT_MS));
  for (const piece of ["a", "b", null]) {
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    context.mock.timers.tick(10 * SILENT_MS);
    source.push(piece);
  }
  assert.equal(String(await whole), "ab");
});

test("what fails in the source fails the stream, and who gives up the stream ends the source", async () => {
  const failing = new Readable({ read: () => void failing.destroy(new Error("the disk fails")) });
  await assert.rejects(buffer(untilAbandoned(failing)), { message: "the disk fails" });
  const source = new Readable({ read() {} });
  untilAbandoned(source).destroy();
  if (!source.closed) await once(source, "close");
});
