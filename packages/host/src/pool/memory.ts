/** Limits by the host's memory. */
import { readFileSync } from "node:fs";

/** Reserved for the rest of the computer when everything else is full, in MiB. */
const RESERVE_MIB = 512;
/** Share of all memory that the warm pool may use, unless configured. */
const AHEAD_FRACTION = 0.125;

/** What a sandbox that runs a few commands takes of the computer's memory, in MiB: that much must be left for a new one. */
export const MACHINE_MIB = 55;

/** Current memory, in MiB. */
export function memory(): { totalMiB: number; availableMiB: number } {
  const text = readFileSync("/proc/meminfo", "utf8");
  const read = (name: string) =>
    Math.floor(Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) / 1024);
  return { totalMiB: read("MemTotal"), availableMiB: read("MemAvailable") };
}

/** Default memory of the warm pool, in MiB. */
export function defaultBudgetMiB(): number {
  return Math.floor(memory().totalMiB * AHEAD_FRACTION);
}

/** What machines are about to take, in MiB: the kernel still counts it as available. */
let promised = 0;

/** Memory left for further machines, in MiB. */
export function freeMiB(): number {
  return Math.max(0, memory().availableMiB - promised - RESERVE_MIB);
}

/** Whether the reserve stays free if another machine soon needs `neededMiB`. */
export function fits(neededMiB: number): boolean {
  return memory().availableMiB - promised - neededMiB >= RESERVE_MIB;
}

/** Counts memory as taken until this is disposed of, when it really is. */
export function promiseMemory(neededMiB: number): Disposable {
  promised += neededMiB;
  return { [Symbol.dispose]: () => void (promised -= neededMiB) };
}
