import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MAX_CALL_BYTES } from "./contract.ts";
import { encodePrefix, PrefixReader } from "./prefix.ts";

describe("a prefix message", () => {
  test("is taken off the beginning of a body, byte by byte", () => {
    const reader = new PrefixReader(MAX_CALL_BYTES);
    const body = Buffer.concat([encodePrefix({ ok: { pid: 7, name: "ü" } }), Buffer.from("rest")]);
    const end = body.length - "rest".length;
    for (let at = 0; at < end - 1; at++) assert.equal(reader.push(body.subarray(at, at + 1)), null);
    const message = reader.push(body.subarray(end - 1));
    assert.deepEqual(message?.value, { ok: { pid: 7, name: "ü" } });
    assert.equal(message?.rest.toString(), "rest");
  });

  test("of an announced length over the bound is refused before it is buffered", () => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(MAX_CALL_BYTES + 1);
    assert.throws(() => new PrefixReader(MAX_CALL_BYTES).push(length), RangeError);
  });

  test("in pieces of one byte takes the memory of its bytes, not of its pieces", () => {
    const reader = new PrefixReader(MAX_CALL_BYTES);
    const length = Buffer.alloc(4);
    const bytes = 4 * 1024 * 1024;
    length.writeUInt32BE(MAX_CALL_BYTES);
    reader.push(length);
    const before = process.memoryUsage();
    // As they come from HTTP/2: each has a memory of its own.
    for (let n = 0; n < bytes; n++) reader.push(Buffer.from(new Uint8Array([0x20]).buffer));
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    assert.ok(grown < 20 * bytes, `${grown} bytes`);
  });

  test("that is not JSON is refused", () => {
    assert.throws(() => new PrefixReader(MAX_CALL_BYTES).push(Buffer.from([0, 0, 0, 1, 0x7b])), SyntaxError);
  });
});
