import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { LineReader } from "./line-reader.ts";

test("lines come out whole, however the bytes were cut", () => {
  const lines = Array.from({ length: 100 }, (_, index) => `${index} é\u{1f600} ${"x".repeat(index)}`);
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  for (let round = 0; round < 50; round++) {
    const reader = new LineReader(1000);
    const got: string[] = [];
    for (let from = 0; from < bytes.length; ) {
      const to = Math.min(bytes.length, from + randomInt(1, 400));
      got.push(...reader.push(bytes.subarray(from, to)));
      from = to;
    }
    assert.deepEqual(got, lines);
  }
});

test("a line over the bound is refused, ended or not", () => {
  assert.throws(() => [...new LineReader(10).push(Buffer.from("x".repeat(11)))], RangeError);
  assert.throws(() => [...new LineReader(10).push(Buffer.from(`${"x".repeat(11)}\nshort\n`))], RangeError);
  assert.deepEqual([...new LineReader(10).push(Buffer.from(`${"x".repeat(10)}\n`))], ["x".repeat(10)]);
});
