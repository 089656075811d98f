import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeFileAtomically } from "@sandkeep/common";
import { createFolder } from "../../machines/folder.ts";
import { disturbed } from "../../storage/testing/disturbed.ts";
import { isRunning, noteProcess, PROCESS_RECORD, type ProcessRecord, readProcess, recordOf } from "./process-record.ts";
import { sweepQemus } from "./sweep.ts";

const runDir = mkdtempSync(join(tmpdir(), "sk-sweep-"));
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(runDir, { recursive: true, force: true });
});

/** A process without any folder in its command line. */
async function start(command: string, args: string[]): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  return child;
}

async function note(dir: string, { pid }: ChildProcess): Promise<ProcessRecord> {
  const record = recordOf(pid!, null);
  await noteProcess(dir, record);
  return record;
}

test("ends what is on record, whatever it calls itself, and waits until it is gone", async () => {
  const kept = createFolder(runDir);
  const [nameless, disguised] = [createFolder(runDir), createFolder(runDir)];
  const processes = await Promise.all([
    start("sleep", ["1000"]),
    // Names the folder of another machine, which is kept.
    start("perl", ["-e", "sleep 1000", `${kept}/disk.qcow2`]),
    start("sleep", ["1000"]),
  ]);
  const records = await Promise.all([nameless, disguised, kept].map((dir, n) => note(dir, processes[n]!)));
  await sweepQemus(runDir, (dir) => dir !== kept);
  assert.deepEqual(records.map(isRunning), [false, false, true]);
});

test("leaves a process alone whose pid is on record but which started at another time", async () => {
  const dir = createFolder(runDir);
  const bystander = await start("sleep", ["1000"]);
  const record = await note(dir, bystander);
  await writeFileAtomically(
    join(dir, PROCESS_RECORD),
    JSON.stringify({ ...record, startTicks: record.startTicks - 1 }),
  );
  assert.equal(isRunning((await readProcess(dir))!), false);
  await sweepQemus(runDir, () => true);
  assert.equal(isRunning(record), true);
});

test("a record that is broken, as after a power failure, is none, and keeps nobody from starting", async () => {
  for (const text of ["", "\0\0\0", '{"pid":', "[]"]) {
    const dir = createFolder(runDir);
    await writeFileAtomically(join(dir, PROCESS_RECORD), text);
    assert.equal(await readProcess(dir), null, text);
  }
  await sweepQemus(runDir, () => true);
});

test("a record that cannot be opened now may be one", async () => {
  const dir = createFolder(runDir);
  await noteProcess(dir, recordOf(process.pid, null));
  assert.notEqual(await disturbed("full", 0, () => readProcess(dir)), null);
  assert.equal((await readProcess(dir))?.pid, process.pid);
  rmSync(dir, { recursive: true });
});

test("ends what was being started, by the folder that its command line names", async () => {
  const dir = createFolder(runDir);
  const early = await start("perl", ["-e", "sleep 1000", `6=${dir}/qmp`]);
  const ended = once(early, "exit");
  await sweepQemus(runDir, () => true);
  assert.deepEqual(await ended, [null, "SIGKILL"]);
});
