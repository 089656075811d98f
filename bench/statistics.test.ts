import assert from "node:assert/strict";
import { test } from "node:test";
import { percentile, summarize } from "./statistics.ts";

test("percentiles are values that occurred", () => {
  const samples = [5, 1, 4, 2, 3];
  assert.equal(percentile(samples, 0.5), 3);
  assert.equal(percentile(samples, 0.95), 5);
  assert.equal(percentile([7], 0.95), 7);
  assert.ok(Number.isNaN(percentile([], 0.5)));
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  assert.deepEqual(summarize(hundred), { p50: 50, p95: 95, n: 100 });
});
