import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, globSync, mkdirSync, readFileSync, rmdirSync, utimesSync } from "node:fs";
import { after, test } from "node:test";
import { limitProcess, prioritizeGroup, removeEmptyGroups, removeGroups } from "./cgroup.ts";

const children: ChildProcess[] = [];
const names: string[] = [];
after(async () => {
  await Promise.all(children.map(end));
  await Promise.all(names.map(removeGroups));
});

async function start(): Promise<{ pid: number; name: string; child: ChildProcess }> {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  const name = randomBytes(6).toString("hex");
  names.push(name);
  return { pid: child.pid!, name, child };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** The folders of a process's groups, in every hierarchy that exists. */
const groupsOf = (name: string) => globSync(`/sys/fs/cgroup/{,*/}sandkeep/${name}`);
const read = (groups: string[], file: string) =>
  groups.map((group) => `${group}/${file}`).flatMap((path) => (existsSync(path) ? [readFileSync(path, "utf8")] : []));

const LONG_AGO = new Date(0);
const SIZE = { memoryMiB: 1280, vcpus: 2 };

test("a process has its size of memory and processors, some for its monitor, and a bound on threads", async (t) => {
  const { pid, name } = await start();
  await limitProcess(pid, name, SIZE);
  const groups = groupsOf(name);
  if (groups.length === 0) return t.skip("no control groups can be made here");
  assert.ok(readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`/sandkeep/${name}`));
  const limits = {
    memory: [...read(groups, "memory.max"), ...read(groups, "memory.limit_in_bytes")],
    processors: [...read(groups, "cpu.max").map((text) => text.split(" ")[0]!), ...read(groups, "cpu.cfs_quota_us")],
    threads: read(groups, "pids.max"),
  };
  assert.deepEqual(
    Object.entries(limits).map(([what, values]) => [what, values.map(Number)]),
    [
      ["memory", [1792 * 1024 ** 2]],
      ["processors", [250_000]],
      ["threads", [128]],
    ].filter(([what]) => limits[what as keyof typeof limits].length > 0),
  );
});

test("a process in the background has a small share of the processors, until it is put back", async (t) => {
  const { pid, name } = await start();
  await limitProcess(pid, name, SIZE);
  const share = () => {
    const groups = groupsOf(name);
    return [...read(groups, "cpu.weight"), ...read(groups, "cpu.shares")].map(Number);
  };
  const before = share();
  if (before.length === 0) return t.skip("no control groups for processors can be made here");
  prioritizeGroup(name, "background");
  const percent = Math.round((share()[0]! / before[0]!) * 100);
  assert.equal(percent, 1, `${share()} of ${before}`);
  prioritizeGroup(name, "normal");
  assert.deepEqual(share(), before);
  // A process without a group is left alone.
  prioritizeGroup("no-such-group", "background");
});

test("groups go when their process has, not before", async (t) => {
  const { pid, name, child } = await start();
  await limitProcess(pid, name, SIZE);
  if (groupsOf(name).length === 0) return t.skip("no control groups can be made here");
  const before = groupsOf(name);
  await removeGroups(name);
  assert.deepEqual(groupsOf(name), before);
  await end(child);
  await removeGroups(name);
  assert.deepEqual(groupsOf(name), []);
});

test("groups that former processes left are removed; those in use and those of others stay", async (t) => {
  const [gone, running] = [await start(), await start()];
  for (const { pid, name } of [gone, running]) await limitProcess(pid, name, SIZE);
  const kept = groupsOf(running.name);
  if (kept.length === 0) return t.skip("no control groups can be made here");
  const foreign = kept.map((group) => group.replace(running.name, `not-ours-${running.name}`));
  for (const group of foreign) mkdirSync(group);
  try {
    await end(gone.child);
    await removeEmptyGroups();
    assert.notDeepEqual(groupsOf(gone.name), [], "a young group stays");
    for (const group of [...groupsOf(gone.name), ...kept, ...foreign]) utimesSync(group, new Date(), LONG_AGO);
    await removeEmptyGroups();
    assert.deepEqual(groupsOf(gone.name), []);
    assert.deepEqual(groupsOf(running.name), kept);
    assert.ok(foreign.every((group) => existsSync(group)));
  } finally {
    for (const group of foreign) rmdirSync(group);
  }
});

test("a process that cannot be limited goes on without, and leaves no group", async () => {
  const { pid, name, child } = await start();
  await end(child);
  await limitProcess(pid, name, SIZE);
  assert.deepEqual(groupsOf(name), []);
});

test("a process is limited while another server of this computer clears up", async (t) => {
  const [first, ...others] = await Promise.all(Array.from({ length: 20 }, start));
  await limitProcess(first!.pid, first!.name, SIZE);
  const expected = groupsOf(first!.name).length;
  if (expected === 0) return t.skip("no control groups can be made here");
  let done = false;
  const clearing = (async () => {
    while (!done) await removeEmptyGroups();
  })();
  for (const { pid, name } of others) await limitProcess(pid, name, SIZE);
  done = true;
  await clearing;
  for (const { name } of others) assert.equal(groupsOf(name).length, expected);
});
