import assert from "node:assert/strict";
import { test } from "node:test";
import { SerialQueue } from "./serial-queue.ts";

test("a task starts when the one before it has settled", async () => {
  const queue = new SerialQueue();
  const gate = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = queue.run(async () => {
    order.push("first starts");
    await gate.promise;
    order.push("first ends");
    return 1;
  });
  const second = queue.run(() => (order.push("second"), 2));
  await new Promise(setImmediate);
  assert.deepEqual(order, ["first starts"]);
  gate.resolve();
  assert.deepEqual(await Promise.all([first, second]), [1, 2]);
  assert.deepEqual(order, ["first starts", "first ends", "second"]);
});

test("a task that fails, or throws, fails for whoever gave it; the next one runs", async () => {
  const queue = new SerialQueue();
  const failed = queue.run(() => Promise.reject(new Error("failed")));
  const thrown = queue.run(() => {
    throw new Error("thrown");
  });
  const last = queue.run(() => "ran");
  await assert.rejects(failed, /failed/);
  await assert.rejects(thrown, /thrown/);
  assert.equal(await last, "ran");
});
