import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CALM_AFTER_MS, CLONE_MIB, PROCESS_MIB, targets } from "./targets.ts";

describe("the warm pool", () => {
  test("stays within its budget", () => {
    for (const budget of [0, 10, 100, 1000, 5000]) {
      const { clones, processes } = targets(budget, 0);
      assert.ok(clones * CLONE_MIB + processes * PROCESS_MIB <= budget);
    }
  });

  test("is given back, most of it, when nobody creates", () => {
    const busy = targets(2000, 0);
    const calm = targets(2000, CALM_AFTER_MS);
    assert.ok(calm.clones < busy.clones / 2 && calm.clones > 0);
    assert.ok(calm.processes < busy.processes / 2 && calm.processes > 0);
  });
});
