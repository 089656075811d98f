import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration } from "./duration.ts";

test("reads durations of one unit and of several", () => {
  const known: [string, number][] = [
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["2h", 7_200_000],
    ["1h30m", 5_400_000],
    ["1.5h", 5_400_000],
    ["2d", 172_800_000],
    [" 1m 5s ", 65_000],
  ];
  for (const [text, ms] of known) assert.equal(parseDuration(text), ms, text);
});

test("refuses what is not a duration, and zero", () => {
  for (const text of ["", " ", "5", "s", "5x", "-5m", "0s", "0.1ms", "5m!", "five", "5m 3"])
    assert.equal(parseDuration(text), null, text);
});
