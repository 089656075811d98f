import assert from "node:assert/strict";
import { test } from "node:test";
import { Gate } from "./gate.ts";

test("a gate holds those who come when it is full, and lets all on when there is room", async () => {
  const gate = new Gate(2);
  gate.enter();
  await gate.opened();
  gate.enter();
  const passed: number[] = [];
  const waiting = [1, 2].map((who) => gate.opened().then(() => passed.push(who)));
  await new Promise(setImmediate);
  assert.deepEqual(passed, []);
  gate.leave(1);
  await Promise.all(waiting);
  assert.deepEqual(passed, [1, 2]);
});

test("more may be acknowledged than went in", async () => {
  const gate = new Gate(1);
  gate.enter();
  gate.leave(Infinity);
  await gate.opened();
  gate.enter();
  let open = false;
  const waiting = gate.opened().then(() => (open = true));
  await new Promise(setImmediate);
  assert.equal(open, false);
  gate.leave(1);
  await waiting;
});
