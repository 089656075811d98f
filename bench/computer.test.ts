import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { computerTable, MEASURED } from "./computer.ts";

test("the table shows the computer before and after, and a dash for what cannot be seen from here", () => {
  const elsewhere = { first_touch_GBps: null, one_core_MBps: null, straight_MBps: null };
  const text = computerTable({
    before: { first_touch_GBps: 0.354, one_core_MBps: 1_400.4, straight_MBps: 931, machine_loops_per_s: 80_000 },
    after: { ...elsewhere, machine_loops_per_s: 70_000 },
  });
  assert.deepEqual(
    text.split("\n").map((line) => line.split(/ {2,}/)),
    [
      ["THIS COMPUTER", "BEFORE", "AFTER"],
      ["first use of memory", "0.35", "–", "GB/s"],
      ["SHA-256 on one core", "1400", "–", "MB/s"],
      ["TLS straight from the upstream", "931", "–", "MB/s"],
      ["empty loops of bash in a machine", "80000", "70000", "per s"],
      [""],
    ],
  );
});

test("docs/performance.md says how each of them is taken", () => {
  const page = readFileSync(new URL("../docs/performance.md", import.meta.url), "utf8");
  for (const name of Object.keys(MEASURED)) assert.match(page, new RegExp(`^\\| \`${name}\` \\| .+ \\|$`, "m"));
});
