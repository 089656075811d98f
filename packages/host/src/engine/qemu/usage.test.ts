import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { recordOf } from "./process-record.ts";
import { processUsage } from "./usage.ts";

/** Uses over a quarter of a second of processor time and 64 MiB, reports that, and waits. */
const BUSY = `
  const held = Buffer.alloc(64 * 1024 * 1024, 1);
  while (process.cpuUsage().user + process.cpuUsage().system < 300_000);
  console.log("ready");
  setInterval(() => held.length, 1_000_000);
`;
const child = spawn(process.execPath, ["-e", BUSY], { stdio: ["ignore", "pipe", "ignore"] });
after(() => child.kill("SIGKILL"));

test("processor time and memory of a process are read, and of none that is gone or another", async () => {
  await once(createInterface({ input: child.stdout }), "line");
  const record = recordOf(child.pid!, null);
  const usage = processUsage(record)!;
  assert.ok(usage.cpuSeconds >= 0.25 && usage.cpuSeconds < 60, `${usage.cpuSeconds} s`);
  assert.ok(usage.memoryBytes > 64 * 1024 ** 2 && usage.memoryBytes < 1024 ** 3, `${usage.memoryBytes} bytes`);
  assert.equal(processUsage({ ...record, startTicks: record.startTicks + 1 }), null);
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal(processUsage(record), null);
});
