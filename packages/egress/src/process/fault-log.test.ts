import assert from "node:assert/strict";
import { test } from "node:test";
import { FaultLog } from "./fault-log.ts";

function fault(place: string): Error {
  return Object.assign(new Error("secret\ntext"), { stack: `Error: secret\ntext\n    at ${place}` });
}

test("a fault that happens again and again is told once in a while, with how often, and never in its own words", () => {
  let now = 0;
  const lines: string[] = [];
  const log = new FaultLog(
    (text) => lines.push(text),
    () => now,
  );
  for (let time = 0; time < 100_000; time++) log.report(fault("a.ts:1"));
  assert.deepEqual(lines, ["unexpected Error at a.ts:1"]);
  now = 60_000;
  log.report(fault("a.ts:1"));
  assert.deepEqual(lines.slice(1), ["unexpected Error at a.ts:1, 99999 times more", "unexpected Error at a.ts:1"]);
  assert.ok(!lines.join().includes("secret"));
});

test("faults in ever new places are counted, and so is what is no error", () => {
  let now = 0;
  const lines: string[] = [];
  const log = new FaultLog(
    (text) => lines.push(text),
    () => now,
  );
  for (let at = 0; at < 1_000; at++) log.report(fault(`b.ts:${at}`));
  for (const odd of [null, undefined, "text", { name: 7, stack: [] }]) log.report(odd);
  assert.equal(lines.length, 32);
  now = 60_000;
  log.report(null);
  assert.deepEqual(lines.slice(32), ["unexpected errors in other places, 972 times", "unexpected error "]);
});
