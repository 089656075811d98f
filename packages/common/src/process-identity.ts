import { existsSync, readFileSync } from "node:fs";
import { errnoOf } from "./errno.ts";

/** No descriptor is left, of this process or of the computer. */
const NONE_LEFT = new Set(["EMFILE", "ENFILE"]);

/**
 * When a process started, in clock ticks since boot (proc_pid_stat(5), field 22). Together with the pid it identifies
 * the process, even if the pid is reused.
 *
 * @returns undefined if there is no such process, or it has ended and only waits to be reaped
 * @throws if no descriptor is left to look, which says nothing about the process
 */
export function startTicks(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the process's name, in parentheses: the process chooses it, so it may contain anything.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? undefined : Number(fields[18]);
  } catch (error) {
    if (NONE_LEFT.has(errnoOf(error) ?? "")) throw error;
    return undefined;
  }
}

/** A process, also after its pid was reused: then it does not run any more. */
export interface ProcessIdentity {
  pid: number;
  /** See {@link startTicks}. */
  startTicks: number;
}

/** Whether exactly this process still runs. While no descriptor is left to look, any with its pid is taken for it. */
export function isRunning(process: ProcessIdentity): boolean {
  try {
    return isIt(process);
  } catch {
    return existsSync(`/proc/${process.pid}`);
  }
}

function isIt({ pid, startTicks: since }: ProcessIdentity): boolean {
  return startTicks(pid) === since;
}

/** Kills exactly this process. @throws if it is another user's, or no descriptor is left to look whether it is this one */
export function kill(identity: ProcessIdentity): void {
  try {
    if (isIt(identity)) process.kill(identity.pid, "SIGKILL");
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}
