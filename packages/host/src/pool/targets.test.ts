import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { memoryOf, type PoolKind, targets } from "./targets.ts";

const BUDGETS = [0, 10, 100, 400, 1_000, 3_000, 20_000];
const KINDS: PoolKind[] = ["usual", "other"];
const DEMANDS = [0, 0.4, 1, 7, 20, 50, 1_000];

describe("the warm pool", () => {
  for (const kind of KINDS) {
    test(`of the ${kind} kind stays within its budget, whatever the demand`, () => {
      for (const budget of BUDGETS) {
        for (const demand of DEMANDS) {
          const want = targets(budget, demand, kind);
          assert.ok(memoryOf(want) <= budget, JSON.stringify({ budget, demand, want }));
          assert.ok(want.hot <= want.clones && want.hot >= 0 && want.processes >= 0);
        }
      }
    });

    test(`of the ${kind} kind grows with demand, and never shrinks with it`, () => {
      for (const budget of BUDGETS) {
        const sizes = DEMANDS.map((demand) => targets(budget, demand, kind));
        for (const [n, { clones, hot }] of sizes.entries())
          assert.ok(n === 0 || (clones >= sizes[n - 1]!.clones && hot >= sizes[n - 1]!.hot));
      }
      assert.equal(targets(20_000, 50, kind).clones, 50);
    });
  }

  test("has no more without demand on a large computer than on a small one", () => {
    assert.deepEqual(targets(20_000, 0, "usual").clones, targets(2_000, 0, "usual").clones);
    assert.ok(memoryOf(targets(3_000, 0, "usual")) < 3_000 / 2);
  });

  test("of a kind that was asked for once has two machines, one of them hot, until more are needed", () => {
    for (const demand of [0, 1]) {
      const { clones, hot } = targets(750, demand, "other");
      assert.deepEqual({ clones, hot }, { clones: 2, hot: 1 });
    }
    assert.ok(targets(750, 7, "other").clones === 7);
  });

  test("lends hot machines to a few sandboxes at a time, even with a small budget", () => {
    for (const budget of BUDGETS) assert.ok(targets(budget, 50, "usual").lent >= 1);
  });
});
