import assert from "node:assert/strict";
import { test } from "node:test";
import { Gate } from "./gate.ts";

test("a gate lets so many in at a time, in the order in which they came, also after one has failed", async () => {
  const gate = new Gate(2);
  const entered: number[] = [];
  const tasks = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const results = tasks.map(({ promise }, n) => gate.run(() => (entered.push(n), promise)));
  const outcomes = Promise.allSettled(results);
  const turn = () => new Promise(setImmediate);
  await turn();
  assert.deepEqual(entered, [0, 1]);
  tasks[1]!.reject(new Error("failed"));
  await turn();
  assert.deepEqual(entered, [0, 1, 2]);
  for (const [n, task] of tasks.entries()) task.resolve(n);
  assert.deepEqual(
    (await outcomes).map((outcome) => (outcome.status === "fulfilled" ? outcome.value : "failed")),
    [0, "failed", 2, 3, 4],
  );
  assert.deepEqual(entered, [0, 1, 2, 3, 4]);
});
