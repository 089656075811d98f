import { readFileSync } from "node:fs";

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
