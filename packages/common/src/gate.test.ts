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

test("who gives up leaves the queue at once, and no more are let in because of that", async () => {
  const gate = new Gate(1);
  const first = Promise.withResolvers<void>();
  const entered: string[] = [];
  const enter =
    (name: string, until = Promise.resolve()) =>
    () => (entered.push(name), until);
  const running = gate.run(enter("first", first.promise));
  const leaving = new AbortController();
  const left = gate.run(enter("second"), leaving.signal);
  const last = gate.run(enter("last"));
  leaving.abort(new Error("the client is gone"));
  await assert.rejects(left, { message: "the client is gone" });
  await assert.rejects(gate.run(enter("late"), leaving.signal), { message: "the client is gone" });
  assert.deepEqual(entered, ["first"]);
  first.resolve();
  await Promise.all([running, last]);
  await gate.run(enter("next"));
  assert.deepEqual(entered, ["first", "last", "next"]);
});
