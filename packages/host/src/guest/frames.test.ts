import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MAX_FRAME_BYTES } from "./contract.ts";
import { encodeFrames, FrameReader } from "./frames.ts";

/** A small pseudo-random number generator, so that failures can be reproduced. */
function random(seed: number): () => number {
  return () => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff) / 0x7fffffff;
}

describe("process frames", () => {
  test("come out as they went in, wherever the bytes are split", () => {
    const next = random(7);
    for (let round = 0; round < 200; round++) {
      const sent = Array.from({ length: 1 + Math.floor(next() * 6) }, () => ({
        type: Math.floor(next() * 5),
        payload: Buffer.alloc(Math.floor(next() * 300), Math.floor(next() * 256)),
      }));
      const bytes = Buffer.concat(sent.map(({ type, payload }) => encodeFrames(type, payload)));
      const reader = new FrameReader();
      const got = [];
      for (let at = 0; at < bytes.length; ) {
        const to = at + 1 + Math.floor(next() * 40);
        for (const frame of reader.push(bytes.subarray(at, to)))
          got.push({ type: frame.type, payload: Buffer.from(frame.payload) });
        at = to;
      }
      assert.deepEqual(got, sent);
    }
  });

  test("cut what is larger than a frame", () => {
    const frames = [...new FrameReader().push(encodeFrames(1, Buffer.alloc(2 * MAX_FRAME_BYTES + 1)))];
    assert.deepEqual(
      frames.map((frame) => frame.payload.length),
      [MAX_FRAME_BYTES, MAX_FRAME_BYTES, 1],
    );
  });

  test("in pieces of one byte are not copied again with each of them", () => {
    const reader = new FrameReader();
    const bytes = encodeFrames(1, Buffer.alloc(MAX_FRAME_BYTES, 7));
    let copied = 0;
    const { concat } = Buffer;
    const set = Uint8Array.prototype.set;
    Uint8Array.prototype.set = function (from, at) {
      copied += from.length;
      set.call(this, from, at);
    };
    Buffer.concat = (list, length) => {
      for (const { length } of list) copied += length;
      return concat(list, length);
    };
    try {
      for (let round = 0; round < 2; round++)
        for (let at = 0; at < bytes.length; at++) {
          const frames = [...reader.push(bytes.subarray(at, at + 1))];
          assert.equal(frames.length, at === bytes.length - 1 ? 1 : 0);
        }
    } finally {
      Uint8Array.prototype.set = set;
      Buffer.concat = concat;
    }
    assert.ok(copied < 10 * bytes.length, `${copied} bytes`);
  });

  test("are empty for no bytes", () => {
    assert.deepEqual(
      [...new FrameReader().push(encodeFrames(2, new Uint8Array()))].map((frame) => frame.payload.length),
      [0],
    );
  });

  test("larger than the bound are refused before they are buffered", () => {
    const header = Buffer.from([1, 0xff, 0xff, 0xff, 0xff]);
    assert.throws(() => [...new FrameReader().push(header)], RangeError);
  });
});
