import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLONE_MIB, HEAT_MIB, memoryOf, type PoolKind, targets } from "./targets.ts";

const BUDGETS = [0, 10, 100, 400, 1_000, 3_000, 20_000];
const KINDS: PoolKind[] = ["usual", "other"];
const DEMANDS = [0, 0.4, 1, 7, 20, 50, 1_000];
const alike = (demand: number) => ({ clones: demand, hot: demand });
const ascending = (a: number, b: number) => a - b;

describe("the warm pool", () => {
  for (const kind of KINDS) {
    test(`of the ${kind} kind stays within its budget, whatever the demand`, () => {
      for (const budget of BUDGETS) {
        for (const demand of DEMANDS) {
          for (const hot of DEMANDS) {
            const want = targets(budget, { clones: demand, hot }, kind);
            assert.ok(memoryOf(want) <= budget, JSON.stringify({ budget, demand, hot, want }));
            assert.ok(want.hot <= want.clones && want.hot >= 0 && want.processes >= 0, JSON.stringify(want));
          }
        }
      }
    });

    test(`of the ${kind} kind grows with demand, and never shrinks with it`, () => {
      for (const budget of BUDGETS) {
        const sizes = DEMANDS.map((demand) => targets(budget, { clones: demand, hot: 0 }, kind).clones);
        assert.deepEqual(sizes, sizes.toSorted(ascending));
        const hot = DEMANDS.map((demand) => targets(budget, { clones: 20, hot: demand }, kind).hot);
        assert.deepEqual(hot, hot.toSorted(ascending));
      }
      assert.equal(targets(20_000, alike(50), kind).clones, 50);
    });

    test(`of the ${kind} kind has a machine for everybody before it has hot ones`, () => {
      const budget = 50 * CLONE_MIB + 3 * HEAT_MIB;
      const { clones, hot } = targets(budget / 0.98, alike(50), kind);
      assert.deepEqual({ clones, hot }, { clones: 50, hot: 3 });
    });

    test(`of the ${kind} kind has few hot machines if many are needed at once, of which few can be hot`, () => {
      assert.equal(targets(20_000, { clones: 50, hot: 1 }, kind).hot, targets(20_000, alike(0), kind).hot);
    });
  }

  test("has no more without demand on a large computer than on a small one", () => {
    assert.deepEqual(targets(20_000, alike(0), "usual").clones, targets(2_000, alike(0), "usual").clones);
    assert.ok(memoryOf(targets(3_000, alike(0), "usual")) < 3_000 / 2);
  });

  test("of a kind that was asked for once has two machines, one of them hot, until more are needed", () => {
    for (const demand of [0, 1]) {
      const { clones, hot } = targets(750, alike(demand), "other");
      assert.deepEqual({ clones, hot }, { clones: 2, hot: 1 });
    }
    assert.ok(targets(750, alike(7), "other").clones === 7);
  });

  test("lends hot machines to a few sandboxes at a time, even with a small budget", () => {
    for (const budget of BUDGETS) assert.ok(targets(budget, alike(50), "usual").lent >= 1);
  });
});
