import assert from "node:assert/strict";
import { test } from "node:test";
import { retryAt } from "./retry-after.ts";

const NOW = Date.parse("2026-06-01T00:00:00Z");

test("reads seconds and dates, at most a week ahead", () => {
  assert.equal(retryAt("120", NOW), NOW + 120_000);
  assert.equal(retryAt("Mon, 01 Jun 2026 00:10:00 GMT", NOW), NOW + 600_000);
  assert.equal(retryAt("Mon, 01 Jun 2020 00:10:00 GMT", NOW), NOW);
  assert.equal(retryAt("999999999", NOW), NOW + 7 * 24 * 60 * 60_000);
});

test("what is neither is ignored", () => {
  for (const value of [undefined, "", "soon", "-1", "1e99", "12345678901234567890"])
    assert.equal(retryAt(value, NOW), null);
});
