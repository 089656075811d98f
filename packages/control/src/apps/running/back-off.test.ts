import assert from "node:assert/strict";
import { test } from "node:test";
import { BackOff } from "./back-off.ts";

test("the wait begins with the second failure, doubles up to a minute, passes, and is forgotten after a success", () => {
  let now = 1_000;
  const backOff = new BackOff(() => now);
  assert.equal(backOff.remainingMs, 0);
  const waits = Array.from({ length: 10 }, () => {
    backOff.failed();
    return backOff.remainingMs;
  });
  assert.deepEqual(waits, [0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  assert.equal(backOff.failures, 10);
  now += 59_999;
  assert.equal(backOff.remainingMs, 1);
  now += 1_000;
  assert.equal(backOff.remainingMs, 0);
  backOff.succeeded();
  backOff.failed();
  assert.deepEqual([backOff.failures, backOff.remainingMs], [1, 0]);
});
