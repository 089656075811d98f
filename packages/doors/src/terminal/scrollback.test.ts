import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SCROLLBACK_BYTES } from "./limits.ts";
import { Scrollback } from "./scrollback.ts";

/** Every byte says where it is. */
const make = (from: number, length: number) => Buffer.from(Array.from({ length }, (_, at) => (from + at) % 251));

describe("a scrollback", () => {
  test("keeps the last bytes at their positions, in whatever pieces they come", () => {
    const scrollback = new Scrollback();
    let end = 0;
    for (const length of [
      0,
      1,
      16_383,
      1,
      5,
      100_000,
      70_000,
      32_768,
      250_000,
      3,
      SCROLLBACK_BYTES,
      1,
      131_072,
      99_999,
    ]) {
      scrollback.push(make(end, length));
      end += length;
      assert.equal(scrollback.end, end);
      assert.ok(end - scrollback.begin <= SCROLLBACK_BYTES);
      assert.ok(scrollback.begin === 0 || end - scrollback.begin === SCROLLBACK_BYTES);
      for (const [from, to] of [
        [scrollback.begin, end],
        [Math.max(scrollback.begin, end - 1_000), end],
        [scrollback.begin, Math.min(end, scrollback.begin + 77)],
      ] as const)
        assert.ok(scrollback.slice(from, to).equals(make(from, to - from)), `${from} to ${to}`);
    }
  });

  test("keeps the end of a piece that is larger than itself", () => {
    const scrollback = new Scrollback();
    scrollback.push(make(0, SCROLLBACK_BYTES * 2 + 5));
    assert.equal(scrollback.begin, SCROLLBACK_BYTES + 5);
    assert.ok(scrollback.slice(scrollback.begin, scrollback.end).equals(make(scrollback.begin, SCROLLBACK_BYTES)));
  });

  test("whoever has seen nothing begins with a whole line", () => {
    const scrollback = new Scrollback();
    scrollback.push(Buffer.from("half"));
    assert.equal(scrollback.entry, 0);
    scrollback.push(Buffer.alloc(SCROLLBACK_BYTES, "x"));
    assert.equal(scrollback.entry, scrollback.end);
    scrollback.push(Buffer.from("\x1b[31mrest\nwhole line\n"));
    assert.equal(scrollback.slice(scrollback.entry, scrollback.end).toString(), "whole line\n");
  });
});
