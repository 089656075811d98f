import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { LogAllowance } from "./log-allowance.ts";

test("a proxy that logs without end fills no disk: further lines are counted", () => {
  const lines: string[] = [];
  let now = 0;
  const note = (_: object, text: string) => void lines.push(text);
  const allowance = new LogAllowance({ ...silentLogger, info: note, warn: note, error: note }, () => now);
  for (let n = 0; n < 1_000; n++) allowance.write("error", {}, "again");
  assert.equal(lines.length, 200);
  now += 60_000;
  allowance.write("info", {}, "later");
  assert.deepEqual(lines.slice(200), ["an egress proxy logged 800 more lines, which are left out", "later"]);
});

test("a long line is cut off", () => {
  const lines: string[] = [];
  const allowance = new LogAllowance({ ...silentLogger, error: (_: object, text: string) => void lines.push(text) });
  for (const length of [1_024, 1_025]) allowance.write("error", {}, "x".repeat(length));
  assert.deepEqual(lines, ["x".repeat(1_024), `${"x".repeat(1_023)}…`]);
});
