import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBudget } from "./byte-budget.ts";

test("who wants more than is left waits, in order, until enough is given back", async () => {
  const budget = new ByteBudget(10);
  const went: string[] = [];
  await budget.take(6);
  const big = budget.take(8).then(() => went.push("big"));
  const small = budget.take(1).then(() => went.push("small"));
  await Promise.resolve();
  assert.deepEqual(went, []);
  budget.give(6);
  await Promise.all([big, small]);
  assert.deepEqual(went, ["big", "small"]);
});

test("more than there is counts as all there is", async () => {
  const budget = new ByteBudget(10);
  await budget.take(1_000);
  const next = budget.take(1);
  budget.give(1_000);
  await next;
});
