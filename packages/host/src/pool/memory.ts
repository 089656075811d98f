/** What the host's memory allows. */
import { readFileSync } from "node:fs";

/** Left to the rest of the machine when everything else is full, in MiB. */
const RESERVE_MIB = 512;
/** Part of all memory that the warm pool may hold, unless configured. */
const AHEAD_FRACTION = 0.125;

/** Memory now, in MiB. */
export function memory(): { totalMiB: number; availableMiB: number } {
  const text = readFileSync("/proc/meminfo", "utf8");
  const read = (name: string) =>
    Math.floor(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) / 1024);
  return { totalMiB: read("MemTotal"), availableMiB: read("MemAvailable") };
}

/** What the warm pool may hold by default, in MiB. */
export function defaultBudgetMiB(): number {
  return Math.floor(memory().totalMiB * AHEAD_FRACTION);
}

/** What is left for further machines, in MiB. */
export function freeMiB(): number {
  return Math.max(0, memory().availableMiB - RESERVE_MIB);
}

/** Whether another machine that needs `neededMiB` soon leaves the reserve alone. */
export function fits(neededMiB: number): boolean {
  return memory().availableMiB - neededMiB >= RESERVE_MIB;
}
