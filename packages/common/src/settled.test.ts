import assert from "node:assert/strict";
import { test } from "node:test";
import { settled } from "./settled.ts";

test("all tasks have settled when one that failed is reported; otherwise their results are", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let over = false;
  const slow = promise.then(() => (over = true));
  const failed = assert.rejects(settled([slow, Promise.reject(new Error("one")), Promise.reject(new Error("two"))]), {
    message: "one",
  });
  await new Promise(setImmediate);
  resolve();
  await failed;
  assert.equal(over, true);
  assert.deepEqual(await settled([Promise.resolve(1), "two", undefined]), [1, "two", undefined]);
});
