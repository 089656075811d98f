import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { memoryOf, targets } from "./targets.ts";

const BUDGETS = [0, 10, 100, 400, 1_000, 3_000, 20_000];
const DEMANDS = [0, 0.4, 1, 7, 20, 50, 1_000];

describe("the warm pool", () => {
  test("stays within its budget, whatever the demand", () => {
    for (const budget of BUDGETS) {
      for (const demand of DEMANDS) {
        const want = targets(budget, demand);
        assert.ok(memoryOf(want) <= budget, JSON.stringify({ budget, demand, want }));
        assert.ok(want.hot <= want.clones && want.hot >= 0 && want.processes >= 0);
      }
    }
  });

  test("grows with demand, and never shrinks with it", () => {
    for (const budget of BUDGETS) {
      const sizes = DEMANDS.map((demand) => targets(budget, demand));
      for (const [n, { clones, hot }] of sizes.entries())
        assert.ok(n === 0 || (clones >= sizes[n - 1]!.clones && hot >= sizes[n - 1]!.hot));
    }
    assert.equal(targets(20_000, 50).clones, 50);
  });

  test("has no more without demand on a large computer than on a small one", () => {
    assert.deepEqual(targets(20_000, 0).clones, targets(2_000, 0).clones);
    assert.ok(memoryOf(targets(3_000, 0)) < 3_000 / 2);
  });

  test("lends hot machines to a few sandboxes at a time, even with a small budget", () => {
    for (const budget of BUDGETS) assert.ok(targets(budget, 50).lent >= 1);
  });
});
