import assert from "node:assert/strict";
import { test } from "node:test";
import { settlesWithProgress } from "./bounded.ts";

test("work is waited for as long as less and less is left of it", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = 5;
  const lessEachTime = () => {
    if (left === 0) resolve();
    return left--;
  };
  assert.equal(await settlesWithProgress(promise, 1, lessEachTime), true);
  const never = new Promise(() => {});
  assert.equal(await settlesWithProgress(never, 1, () => 7), false);
});
