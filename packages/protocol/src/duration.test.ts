import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration } from "./duration.ts";

test("reads whole seconds, minutes and hours", () => {
  assert.equal(parseDuration("30s"), 30_000);
  assert.equal(parseDuration("5m"), 300_000);
  assert.equal(parseDuration("2h"), 7_200_000);
  assert.equal(parseDuration("999999999s"), 999_999_999_000);
});

test("refuses everything that clients of the platform do not send, zero included", () => {
  for (const text of [
    "",
    "0s",
    "000h",
    "5",
    "5d",
    "250ms",
    "1.5m",
    "1h30m",
    " 5m",
    "5m\n",
    "-5m",
    "1e3s",
    "1234567890s",
    "٣s",
  ])
    assert.equal(parseDuration(text), null, JSON.stringify(text));
});
