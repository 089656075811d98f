/** Ends what an earlier run of ours started and nobody owns any more. */
import { sep } from "node:path";
import type { ProcessIdentity } from "@sandkeep/common";
import { endAll, findStarted } from "@sandkeep/jail";
import { listFolders } from "../../machines/folder.ts";
import { removeEmptyGroups } from "./cgroup.ts";
import { machineName, optionValue } from "./command.ts";
import { isRunning, readProcess } from "./process-record.ts";

/** What a machine's folder is called. */
const FOLDER = /^[0-9a-f]+$/;

export interface Sweep {
  /** The id of the host whose processes they are. */
  host: string;
  runDir: string;
  isDoomed: (dir: string) => boolean;
}

/**
 * Kills every machine of doomed folders in `runDir` and waits for its end: recorded processes whatever their name, and
 * processes still starting by the machine's name in their command line.
 */
export async function sweepQemus({ host, runDir, isDoomed }: Sweep): Promise<void> {
  await removeEmptyGroups();
  const recorded = await onRecord(runDir, isDoomed);
  const starting = await findStarted("qemu-system-x86_64", (words) => {
    const folder = folderIn(words, host, runDir);
    return folder !== null && isDoomed(folder);
  });
  await endAll([...recorded, ...starting]);
}

/**
 * Kills every machine that is on record in a folder of `dir`, and waits for its end. Command lines do not count: a machine
 * that was resumed uses files of such folders.
 */
export async function endRecorded(dir: string): Promise<void> {
  await endAll(await onRecord(dir, () => true));
}

async function onRecord(runDir: string, isDoomed: (dir: string) => boolean): Promise<ProcessIdentity[]> {
  const folders = (await listFolders(runDir)).filter(isDoomed);
  const records = await Promise.all(folders.map((dir) => readProcess(dir)));
  return records.filter((record) => record !== null).filter(isRunning);
}

/**
 * The folder of the machine that a command line names as a whole word; null if it names none of this host's. Its files in
 * other options say nothing: they may belong to another machine, or to another server that has such a folder elsewhere.
 */
function folderIn(words: readonly string[], host: string, runDir: string): string | null {
  const prefix = optionValue(machineName(host, runDir + sep));
  for (const word of words) {
    const name = word.slice(prefix.length);
    if (word.startsWith(prefix) && FOLDER.test(name)) return runDir + sep + name;
  }
  return null;
}
