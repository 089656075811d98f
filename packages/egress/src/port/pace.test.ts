import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "./pace.ts";

test("a burst begins at once, and those after it take turns", () => {
  let now = 0;
  const pace = new Pace(10, 3, () => now);
  assert.deepEqual([pace.take(), pace.take(), pace.take()], [0, 0, 0]);
  assert.deepEqual([pace.take(), pace.take()], [100, 200]);
  now = 200;
  assert.equal(pace.take(), 100);
  now = 60_000;
  assert.deepEqual([pace.take(), pace.take(), pace.take(), pace.take()], [0, 0, 0, 100]);
});
