import assert from "node:assert/strict";
import { test } from "node:test";
import { atLeast } from "./programs.ts";

test("compares versions number by number", () => {
  assert.ok(atLeast("10.0.2", "8.2"));
  assert.ok(atLeast("8.2", "8.2.0"));
  assert.ok(!atLeast("8.1.99", "8.2"));
  assert.ok(!atLeast("1.9", "1.23"));
});
