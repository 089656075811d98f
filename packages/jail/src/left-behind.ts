/** Finds and ends processes that an earlier server was starting when it was killed, and that no record names. */
import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { errnoOf, isRunning, kill, type ProcessIdentity, startTicks } from "@sandkeep/common";

/** The programs in the chain that starts a jailed process. */
const LAUNCHERS = ["perl", "prlimit", "bwrap", "setpriv"];
/** A killed process exits within milliseconds, or later if it waits for a slow disk. */
const GONE_MS = 10_000;
const LOOK_MS = 5;
/** Command lines that are read at once: each takes a descriptor, of which others need some. */
const READ_AT_ONCE = 32;

/**
 * Processes of a program, and of those that start it in a jail, by the words of their command line. A process can change
 * its own, so this finds all that have not run any code of a guest yet, and perhaps others.
 *
 * @throws if there are no descriptors left to read them
 */
export async function findStarted(
  program: string,
  isWanted: (words: readonly string[]) => boolean,
): Promise<ProcessIdentity[]> {
  const programs = new Set([...LAUNCHERS, program]);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const look = async (pid: number): Promise<ProcessIdentity[]> => {
    const ticks = startTicks(pid);
    const words = await commandLine(pid);
    const isIt = programs.has(basename(words[0] ?? "")) && isWanted(words);
    return isIt && ticks !== undefined ? [{ pid, startTicks: ticks }] : [];
  };
  const found: ProcessIdentity[] = [];
  for (let at = 0; at < pids.length; at += READ_AT_ONCE)
    found.push(...(await Promise.all(pids.slice(at, at + READ_AT_ONCE).map(look))).flat());
  return found;
}

/** The words of a process's command line; none if it has ended, or may not be looked at. */
async function commandLine(pid: number): Promise<string[]> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
  } catch (error) {
    if (["EMFILE", "ENFILE"].includes(errnoOf(error) ?? "")) throw error;
    return [];
  }
}

/** Kills processes and waits until they are gone. Those of other users stay: they only look like ours. */
export async function endAll(processes: readonly ProcessIdentity[]): Promise<void> {
  let left = processes.filter(killed);
  for (let waited = 0; waited < GONE_MS && left.length > 0; waited += LOOK_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    left = left.filter(killed);
  }
}

/** Whether a process still runs that is being killed, or could not be now because no descriptor is left to look at it. */
function killed(process: ProcessIdentity): boolean {
  try {
    kill(process);
  } catch (error) {
    if (errnoOf(error) === "EPERM") return false;
  }
  return isRunning(process);
}
