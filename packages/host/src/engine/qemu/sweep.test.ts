import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeFileAtomically } from "@sandkeep/common";
import { createFolder } from "../../machines/folder.ts";
import { disturbed } from "../../storage/testing/disturbed.ts";
import { machineName } from "./command.ts";
import { isRunning, noteProcess, PROCESS_RECORD, type ProcessRecord, readProcess, recordOf } from "./process-record.ts";
import { endRecorded, type Sweep, sweepQemus } from "./sweep.ts";

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

const HOST = "host_1";
const sweep = (isDoomed: Sweep["isDoomed"]) => sweepQemus({ host: HOST, runDir, isDoomed });

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
  await sweep((dir) => dir !== kept);
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
  await sweep(() => true);
  assert.equal(isRunning(record), true);
});

test("a record that is broken, as after a power failure, is none, and keeps nobody from starting", async () => {
  for (const text of ["", "\0\0\0", '{"pid":', "[]"]) {
    const dir = createFolder(runDir);
    await writeFileAtomically(join(dir, PROCESS_RECORD), text);
    assert.equal(await readProcess(dir), null, text);
  }
  await sweep(() => true);
});

test("a record that cannot be opened now may be one", async () => {
  const dir = createFolder(runDir);
  await noteProcess(dir, recordOf(process.pid, null));
  assert.notEqual(await disturbed("full", 0, () => readProcess(dir)), null);
  assert.equal((await readProcess(dir))?.pid, process.pid);
  rmSync(dir, { recursive: true });
});

/** Programs that start something, each with some words. */
async function launchers(wordsOf: string[][]): Promise<ChildProcess[]> {
  return await Promise.all(wordsOf.map((words) => start("perl", ["-e", "sleep 1000", "--", ...words])));
}

test("ends what was being started, by the machine's name in its command line", async () => {
  const dir = createFolder(runDir);
  const [early, gone] = await launchers([
    [`6=${dir}/qmp`, "-name", machineName(HOST, dir)],
    ["-name", machineName(HOST, join(runDir, "0123456789ab"))],
  ]);
  const ended = Promise.all([early!, gone!].map((child) => once(child, "exit")));
  await sweep(() => true);
  assert.deepEqual(await ended, [
    [null, "SIGKILL"],
    [null, "SIGKILL"],
  ]);
});

test("leaves alone what other servers started, whatever their folders are called, and what only uses a file", async () => {
  const dir = createFolder(runDir);
  const others = await launchers([
    // In a container.
    ["-name", machineName("host_2", dir)],
    // In a folder whose path ends as this one's.
    ["-name", machineName(HOST, `/mnt${dir}`), `6=/mnt${dir}/qmp`],
    [`/mnt${machineName(HOST, dir)}`],
    // Of this host, but no machine.
    [machineName(HOST, join(runDir, "ports")), machineName(HOST, `${runDir}/`)],
    [`mem-path=${dir}/memory`, `${dir}/disk.qcow2`, dir],
  ]);
  const records = others.map(({ pid }) => recordOf(pid!, null));
  await sweep(() => true);
  assert.deepEqual(records.map(isRunning), [true, true, true, true, true]);
});

test("a machine that was paused is ended by its record; one that was resumed, and uses its files, goes on", async () => {
  const pausedDir = mkdtempSync(join(runDir, "paused-"));
  const dir = join(pausedDir, "sbx_1");
  mkdirSync(dir);
  const [suspended, resumed] = await launchers([
    ["-name", machineName(HOST, createFolder(runDir))],
    ["-name", machineName(HOST, createFolder(runDir)), `mem-path=${dir}/source/memory`, `${dir}/source/state`],
  ]);
  await note(dir, suspended!);
  const records = [suspended, resumed].map((child) => recordOf(child!.pid!, null));
  await endRecorded(pausedDir);
  assert.deepEqual(records.map(isRunning), [false, true]);
});
