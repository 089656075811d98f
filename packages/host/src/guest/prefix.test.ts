import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MAX_CALL_BYTES } from "./contract.ts";
import { encodePrefix, PrefixReader } from "./prefix.ts";

describe("a prefix message", () => {
  test("is taken off the beginning of a body, byte by byte", () => {
    const reader = new PrefixReader();
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
    assert.throws(() => new PrefixReader().push(length), RangeError);
  });

  test("that is not JSON is refused", () => {
    assert.throws(() => new PrefixReader().push(Buffer.from([0, 0, 0, 1, 0x7b])), SyntaxError);
  });
});
