import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { describe, type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { FETCH_MS, LINGER_MS, MAX_DISCARDED_BYTES } from "../limits.ts";
import { lingering } from "./lingering.ts";

/** A guest's connection that takes what is written when it is told to. */
class Slow extends Duplex {
  #done: (() => void) | null = null;

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#done = done;
  }

  fetch(): void {
    this.#done?.();
  }
}

/** One with its last bytes written, and destroyed: what is left of it is the guest's to fetch. */
function ended(t: TestContext, restMs: number, carrier = { destroyed: false }) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const stream = new Slow({ autoDestroy: false });
  stream.on("error", () => {});
  const cut = lingering(stream, carrier, restMs);
  stream.end("the last bytes");
  return { stream, cut, carrier };
}

describe("a connection that is destroyed", () => {
  test("waits for what was written before its end, then for the guest's end, for so long", async (t) => {
    const { stream } = ended(t, LINGER_MS);
    stream.destroy();
    assert.ok(!stream.destroyed);
    stream.fetch();
    await setImmediate();
    assert.ok(stream.writableFinished && !stream.destroyed);
    t.mock.timers.tick(LINGER_MS - 1);
    assert.ok(!stream.destroyed);
    t.mock.timers.tick(1);
    assert.ok(stream.destroyed);
  });

  test("is gone as soon as it is written where nothing is to be waited for", async (t) => {
    const { stream } = ended(t, 0);
    stream.destroy();
    assert.ok(!stream.destroyed);
    stream.fetch();
    await setImmediate();
    assert.ok(stream.destroyed);
  });

  test("is not kept for a guest that never fetches it", (t) => {
    const { stream } = ended(t, LINGER_MS);
    stream.destroy();
    t.mock.timers.tick(FETCH_MS - 1);
    assert.ok(!stream.destroyed);
    t.mock.timers.tick(1);
    assert.ok(stream.destroyed);
  });

  test("is not kept for a guest that sends without end", async (t) => {
    const { stream } = ended(t, LINGER_MS);
    stream.destroy();
    stream.push(Buffer.alloc(MAX_DISCARDED_BYTES));
    await setImmediate();
    assert.ok(!stream.destroyed);
    stream.push(Buffer.alloc(1));
    await setImmediate();
    assert.ok(stream.destroyed);
  });

  test("is gone at once with an error, without an end, when it is cut, and when what it goes over is gone", (t) => {
    const failed = ended(t, LINGER_MS).stream;
    failed.destroy(new Error("broken"));
    assert.ok(failed.destroyed);

    const open = new Slow();
    lingering(open, { destroyed: false }, LINGER_MS);
    open.destroy();
    assert.ok(open.destroyed);

    t.mock.timers.reset();
    const { stream, cut } = ended(t, LINGER_MS);
    stream.destroy();
    cut();
    assert.ok(stream.destroyed);

    t.mock.timers.reset();
    const orphan = ended(t, LINGER_MS, { destroyed: true }).stream;
    orphan.destroy();
    assert.ok(orphan.destroyed);
  });
});
