import { readFileSync } from "node:fs";

/**
 * When a process started, in clock ticks since the computer did (proc_pid_stat(5), field 22). With the process's id it names one process,
 * and no later one with the same id.
 *
 * @returns undefined if there is no such process, or it has ended and only waits for its parent to notice
 */
export function startTicks(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the process's name, in parentheses: the process chooses it, and it may contain anything.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? undefined : Number(fields[18]);
  } catch {
    return undefined;
  }
}
