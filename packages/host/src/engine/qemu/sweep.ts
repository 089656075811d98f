/** Ends what an earlier run of ours started and nobody owns any more. */
import { sep } from "node:path";
import type { ProcessIdentity } from "@sandkeep/common";
import { endAll, findStarted } from "@sandkeep/jail";
import { listFolders } from "../../machines/folder.ts";
import { removeEmptyGroups } from "./cgroup.ts";
import { isRunning, readProcess } from "./process-record.ts";

/**
 * Kills every machine of doomed folders in `runDir` and waits for its end: recorded processes whatever their name, and
 * processes still starting by the folder in their command line.
 */
export async function sweepQemus(runDir: string, isDoomed: (dir: string) => boolean): Promise<void> {
  await removeEmptyGroups();
  const recorded = await onRecord(runDir, isDoomed);
  const starting = await findStarted("qemu-system-x86_64", (words) => {
    const folder = folderIn(words, runDir);
    return folder !== null && isDoomed(folder);
  });
  await endAll([...recorded, ...starting]);
}

async function onRecord(runDir: string, isDoomed: (dir: string) => boolean): Promise<ProcessIdentity[]> {
  const folders = (await listFolders(runDir)).filter(isDoomed);
  const records = await Promise.all(folders.map((dir) => readProcess(dir)));
  return records.filter((record) => record !== null).filter(isRunning);
}

/** The folder that a command line names; null if it is none of ours. */
function folderIn(words: readonly string[], runDir: string): string | null {
  const prefix = runDir + sep;
  for (const word of words) {
    const at = word.indexOf(prefix);
    if (at >= 0) return prefix + /^[0-9a-f]+/.exec(word.slice(at + prefix.length))?.[0];
  }
  return null;
}
