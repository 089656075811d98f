/**
 * Limits machines by control groups where this process may create them (usually as root): what a machine may use of
 * memory and processors, even if its monitor is compromised. Uses version 2 where it has the controllers, otherwise
 * version 1.
 */
import { writeFileSync } from "node:fs";
import { mkdir, readdir, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "@sandkeep/common";
import type { MachineSize, Priority } from "../engine.ts";

const ROOT = "/sys/fs/cgroup";
/** In addition to the guest's memory: QEMU's own memory, translated code, buffers. */
const OVERHEAD_MIB = 512;
const PERIOD_US = 100_000;
/** Threads of one QEMU process; it has about ten. */
const MAX_THREADS = 128;

/**
 * Share of the processors among machines that compete for them: in the files of version 2 and version 1. In the
 * background it is a hundredth, the least that version 2 has: with less, a busy computer would hardly get on with it.
 */
const WEIGHTS = {
  normal: { "cpu.weight": "100", "cpu.shares": "1024" },
  background: { "cpu.weight": "1", "cpu.shares": "10" },
};

/** A process enters its new group within milliseconds; a busy computer may take longer. */
const YOUNG_MS = 60_000;

const HIERARCHIES = [ROOT, join(ROOT, "memory"), join(ROOT, "cpu"), join(ROOT, "pids")];

/** Puts a process into a group of its own, wherever groups can be created. */
export async function limitProcess(pid: number, name: string, size: MachineSize): Promise<void> {
  const bytes = String((size.memoryMiB + OVERHEAD_MIB) * 1024 ** 2);
  const quota = size.vcpus * PERIOD_US + PERIOD_US / 2;
  const threads = String(MAX_THREADS);
  if (await group(ROOT, name, pid, { "memory.max": bytes, "cpu.max": `${quota} ${PERIOD_US}`, "pids.max": threads }))
    return;
  await Promise.all([
    group(join(ROOT, "memory"), name, pid, { "memory.limit_in_bytes": bytes }),
    group(join(ROOT, "cpu"), name, pid, { "cpu.cfs_quota_us": String(quota) }),
    group(join(ROOT, "pids"), name, pid, { "pids.max": threads }),
  ]);
}

/** Changes a process's share of the processors, if it has a group that can do that. */
export function prioritizeGroup(name: string, priority: Priority): void {
  const weights = WEIGHTS[priority];
  // In place, because it takes a few microseconds.
  if (!write(join(ROOT, "sandkeep", name, "cpu.weight"), weights["cpu.weight"]))
    write(join(ROOT, "cpu", "sandkeep", name, "cpu.shares"), weights["cpu.shares"]);
}

function write(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: "r+" });
    return true;
  } catch {
    return false;
  }
}

/** Removes the groups of a process that has ended. */
export async function removeGroups(name: string): Promise<void> {
  await Promise.all(HIERARCHIES.map((hierarchy) => rmdir(join(hierarchy, "sandkeep", name)).catch(() => {})));
}

/**
 * Removes the groups of all ended processes; the kernel refuses to remove those still in use. A young group stays,
 * because it may belong to another server that has not put its process into it yet.
 */
export async function removeEmptyGroups(): Promise<void> {
  const names = await Promise.all(HIERARCHIES.map((hierarchy) => oldGroups(join(hierarchy, "sandkeep"))));
  await Promise.all([...new Set(names.flat())].map(removeGroups));
}

/** Names of the groups in a folder, except young ones. */
async function oldGroups(parent: string): Promise<string[]> {
  const names = (await readdir(parent).catch(() => [])).filter((name) => /^[0-9a-f]{12}$/.test(name));
  const made = await Promise.all(
    names.map(async (name) => (await stat(join(parent, name)).catch(() => null))?.mtimeMs),
  );
  return names.filter((_, n) => Date.now() - (made[n] ?? Date.now()) >= YOUNG_MS);
}

/**
 * Creates a group below `sandkeep` in a hierarchy, with limits, and moves the process there. False if that is not
 * possible.
 */
async function group(hierarchy: string, name: string, pid: number, limits: Record<string, string>): Promise<boolean> {
  const parent = join(hierarchy, "sandkeep");
  const dir = join(parent, name);
  try {
    // Version 2 delegates controllers one level at a time; version 1 has no such file, and its root is not a group.
    if (hierarchy === ROOT) await hand(hierarchy);
    await mkdir(parent).catch(ignoreExisting);
    if (hierarchy === ROOT) await hand(parent);
    await mkdir(dir);
    for (const [file, value] of Object.entries(limits)) await writeFile(join(dir, file), value, { flag: "r+" });
    await writeFile(join(dir, "cgroup.procs"), String(pid), { flag: "r+" });
    return true;
  } catch {
    await rmdir(dir).catch(() => {});
    return false;
  }
}

async function hand(dir: string): Promise<void> {
  await writeFile(join(dir, "cgroup.subtree_control"), "+memory +cpu +pids", { flag: "r+" });
}

function ignoreExisting(error: unknown): void {
  if (errnoOf(error) !== "EEXIST") throw error;
}
