import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { rowsOf } from "./figures.ts";
import { cpuSeconds, memoryAvailable, processesNaming, pssBytes } from "./processes.ts";
import { percentile, summarize } from "./statistics.ts";

test("percentiles are values that occurred", () => {
  const samples = [5, 1, 4, 2, 3];
  assert.equal(percentile(samples, 0.5), 3);
  assert.equal(percentile(samples, 0.95), 5);
  assert.equal(percentile([7], 0.95), 7);
  assert.ok(Number.isNaN(percentile([], 0.5)));
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  assert.deepEqual(summarize(hundred), { p50: 50, p95: 95, n: 100 });
});

test("the table has each figure that was taken beside its goal", () => {
  const rows = rowsOf({
    create: { p50: 20, p95: 90, n: 50 },
    upload_MBps: 25,
    density50: { ok: 50, memory_MB_each: null, idle_cpu_percent_each: 0.3 },
  });
  assert.deepEqual(
    rows.map(({ figure, reached }) => [figure, reached]),
    [
      ["create p50 / p95 (n=50)", false],
      ["upload_MBps", true],
      ["density50 ok", true],
      ["density50 memory", undefined],
      ["density50 idle CPU", true],
    ],
  );
});

test("processes are found by a directory in their command line, with their memory and processor time", async () => {
  const name = `/nonexistent/sandkeep-${process.pid}`;
  const child = spawn("sh", ["-c", `: ${name}; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done; read x`], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  const pids = processesNaming(name);
  assert.deepEqual(pids, [child.pid]);
  assert.deepEqual(processesNaming(name, [child.pid!]), []);
  assert.ok(pssBytes(pids) > 10_000);
  assert.ok(cpuSeconds(child.pid!)! > 0);
  child.stdin.end();
  await once(child, "exit");
  assert.equal(cpuSeconds(child.pid!), undefined);
  assert.ok(memoryAvailable() > 0);
});
