import assert from "node:assert/strict";
import { test } from "node:test";
import { ramMiB } from "./command.ts";

test("2 GiB are given as a little more, because with exactly as much the guest dies at once", () => {
  assert.equal(ramMiB(2_048), 2_049);
  for (const size of [768, 1_280, 2_047, 2_049, 4_096]) assert.equal(ramMiB(size), size);
});
