import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { cpuSeconds, memoryAvailable, nodesBelow, processesNaming, pssBytes } from "./processes.ts";

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

test("Node processes below another are found by their module, however many programs are in between", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sk-nodes-"));
  const module = join(dir, "module.mjs");
  await writeFile(module, 'console.log(process.pid); process.stdin.on("end", () => process.exit()).resume();');
  const child = spawn("sh", ["-c", 'sh -c \'"$0" "$1"; :\' "$0" "$1"; :', process.execPath, module], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const [printed] = (await once(child.stdout, "data")) as [Buffer];
  assert.deepEqual(nodesBelow(process.pid, "/module.mjs"), [Number(printed)]);
  assert.deepEqual(nodesBelow(process.pid, "/other.mjs"), []);
  child.stdin.end();
  await once(child, "exit");
  await rm(dir, { recursive: true });
});
