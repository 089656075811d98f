import assert from "node:assert/strict";
import { test } from "node:test";
import { Pace } from "./pace.ts";

test("a few happen at once, then one at a time, and after a rest a few again", () => {
  const pace = new Pace({ burst: 3, everyMs: 100 });
  assert.deepEqual(
    [0, 0, 0, 100, 200].map((now) => pace.note(now)),
    [0, 0, 100, 100, 100],
  );
  assert.deepEqual(
    [1_000, 1_000, 1_000, 1_000].map((now) => pace.note(now)),
    [0, 0, 100, 200],
  );
});
