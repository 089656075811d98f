import { readFileSync } from "node:fs";

/**
 * When a process started, in ticks since the machine did: with its pid this names one process and no later one that got
 * the same pid.
 * @returns undefined when there is no such process
 */
export function startTicks(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is a name in parentheses that may hold anything; field 22 is the start.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}
