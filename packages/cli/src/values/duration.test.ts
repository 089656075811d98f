import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../errors.ts";
import { formatDuration, parseDuration, toApiTimeout } from "./duration.ts";

test("reads durations of one unit and of several", () => {
  const known: [string, number][] = [
    ["250ms", 250],
    ["30s", 30_000],
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["1.5h", 5_400_000],
    ["2d", 172_800_000],
    [" 1m 5s ", 65_000],
  ];
  for (const [text, ms] of known) assert.equal(parseDuration(text), ms, text);
});

test("refuses what is not a duration, and zero", () => {
  for (const text of ["", "5", "s", "5x", "-5m", "0s", "5m!", "five"])
    assert.throws(() => parseDuration(text), UsageError, text);
});

test("shows durations with a sensible precision", () => {
  const known: [number, string][] = [
    [0, "0 ms"],
    [849.6, "850 ms"],
    [12_340, "12.3 s"],
    [59_949, "59.9 s"],
    [59_960, "1m 00s"],
    [245_000, "4m 05s"],
    [7_620_000, "2h 07m"],
    [273_600_000, "3d 04h"],
  ];
  for (const [ms, text] of known) assert.equal(formatDuration(ms), text);
});

test("sends the API whole seconds, and never zero", () => {
  assert.equal(toApiTimeout(90_000), "90s");
  assert.equal(toApiTimeout(250), "1s");
});
