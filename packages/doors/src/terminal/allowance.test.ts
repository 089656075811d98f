import assert from "node:assert/strict";
import { test } from "node:test";
import { Allowance } from "./allowance.ts";

test("so much at once, and then one in each period", () => {
  const start = performance.now();
  const allowance = new Allowance(3, 1_000);
  const take = (afterMs: number) => allowance.take(start + 100 + afterMs);
  assert.deepEqual([0, 0, 0, 0, 500].map(take), [true, true, true, false, false]);
  assert.deepEqual([1_100, 1_200].map(take), [true, false]);
  assert.deepEqual([60_000, 60_000, 60_000, 60_000].map(take), [true, true, true, false]);
});
