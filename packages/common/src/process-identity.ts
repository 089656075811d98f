import { readFileSync } from "node:fs";
import { errnoOf } from "./errno.ts";

/**
 * When a process started, in clock ticks since boot (proc_pid_stat(5), field 22). Together with the pid it identifies
 * the process, even if the pid is reused.
 *
 * @returns undefined if there is no such process, or it has ended and only waits to be reaped
 */
export function startTicks(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the process's name, in parentheses: the process chooses it, so it may contain anything.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? undefined : Number(fields[18]);
  } catch {
    return undefined;
  }
}

/** A process, also after its pid was reused: then it does not run any more. */
export interface ProcessIdentity {
  pid: number;
  /** See {@link startTicks}. */
  startTicks: number;
}

/** Whether exactly this process still runs. */
export function isRunning(process: ProcessIdentity): boolean {
  return startTicks(process.pid) === process.startTicks;
}

/** Kills exactly this process. @throws if it is another user's */
export function kill(identity: ProcessIdentity): void {
  try {
    if (isRunning(identity)) process.kill(identity.pid, "SIGKILL");
  } catch (error) {
    if (errnoOf(error) !== "ESRCH") throw error;
  }
}
