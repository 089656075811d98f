/** Ends what a former run of ours started and nobody owns any more. */
import { readdir, readFile } from "node:fs/promises";
import { basename, sep } from "node:path";
import { removeEmptyGroups } from "./cgroup.ts";

/** The programs in the chain that starts a machine. */
const PROGRAMS = new Set(["perl", "prlimit", "bwrap", "setpriv", "qemu-system-x86_64"]);

/** Kills every process of ours whose command line names a folder in `runDir`, but for the folders to keep. */
export async function sweepQemus(runDir: string, keep: ReadonlySet<string>): Promise<void> {
  await removeEmptyGroups();
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  await Promise.all(pids.map(async (pid) => {
    const folder = await folderOf(pid, runDir);
    if (folder === null || keep.has(folder)) return;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Ended by itself, or with another one of its chain.
    }
  }));
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
