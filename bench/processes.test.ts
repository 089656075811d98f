import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { cpuSeconds, memoryAvailable, processesNaming, pssBytes } from "./processes.ts";

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
