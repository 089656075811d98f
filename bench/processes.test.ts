import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { MACHINE_RECORD } from "@sandkeep/host/testing";
import { cpuSeconds, memoryAvailable, nodesBelow, pssBytes, sandboxProcesses } from "./processes.ts";

test("a sandbox's processes are found by its machine's folder, which has a record; with their memory and processor time", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "sk-processes-"));
  const [used, waiting] = await Promise.all(
    ["0123456789ab", "ba9876543210"].map(async (name) => {
      const folder = join(dataDir, "run", name);
      await mkdir(folder, { recursive: true });
      const count = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo done; read x";
      const child = spawn("sh", ["-c", count, "-name", folder, "-m"], { stdio: ["pipe", "pipe", "ignore"] });
      await once(child.stdout, "data");
      return { child, folder };
    }),
  );
  assert.deepEqual(sandboxProcesses(dataDir), []);
  await writeFile(join(used!.folder, MACHINE_RECORD), "{}");
  const pids = sandboxProcesses(dataDir);
  assert.deepEqual(pids, [used!.child.pid]);
  assert.deepEqual(sandboxProcesses(`${dataDir}-other`), []);
  assert.ok(pssBytes(pids) > 10_000);
  assert.ok(cpuSeconds(pids[0]!)! > 0);
  for (const { child } of [used!, waiting!]) {
    child.stdin.end();
    await once(child, "exit");
  }
  assert.equal(cpuSeconds(pids[0]!), undefined);
  assert.ok(memoryAvailable() > 0);
  await rm(dataDir, { recursive: true });
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
