/** Ends what an earlier run of ours started and nobody owns any more. */
import { readdir, readFile } from "node:fs/promises";
import { basename, sep } from "node:path";
import { startTicks } from "@sandkeep/common";
import { listFolders } from "../../machines/folder.ts";
import { removeEmptyGroups } from "./cgroup.ts";
import { isRunning, kill, readProcess } from "./process-record.ts";

/** The programs in the chain that starts a machine. */
const PROGRAMS = new Set(["perl", "prlimit", "bwrap", "setpriv", "qemu-system-x86_64"]);
/** A killed process exits within milliseconds, or later if it waits for a slow disk. */
const GONE_MS = 10_000;
const LOOK_MS = 5;

type Known = { pid: number; startTicks: number };

/**
 * Kills every machine of doomed folders in `runDir` and waits for its end: recorded processes whatever their name, and
 * processes still starting by the folder in their command line.
 */
export async function sweepQemus(runDir: string, isDoomed: (dir: string) => boolean): Promise<void> {
  await removeEmptyGroups();
  const doomed = [...(await onRecord(runDir, isDoomed)), ...(await byCommandLine(runDir, isDoomed))];
  doomed.forEach(kill);
  for (let waited = 0; waited < GONE_MS && doomed.some(isRunning); waited += LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function onRecord(runDir: string, isDoomed: (dir: string) => boolean): Promise<Known[]> {
  const folders = (await listFolders(runDir)).filter(isDoomed);
  const records = await Promise.all(folders.map((dir) => readProcess(dir)));
  return records.filter((record) => record !== null).filter(isRunning);
}

async function byCommandLine(runDir: string, isDoomed: (dir: string) => boolean): Promise<Known[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const ticks = startTicks(pid);
      const folder = await folderOf(pid, runDir);
      return folder !== null && isDoomed(folder) && ticks !== undefined ? { pid, startTicks: ticks } : null;
    }),
  );
  return found.filter((process) => process !== null);
}

async function folderOf(pid: number, runDir: string): Promise<string | null> {
  const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
  if (!PROGRAMS.has(basename(words[0] ?? ""))) return null;
  const prefix = runDir + sep;
  for (const word of words) {
    const at = word.indexOf(prefix);
    if (at >= 0) return prefix + /^[0-9a-f]+/.exec(word.slice(at + prefix.length))?.[0];
  }
  return null;
}
