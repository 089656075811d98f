/** What a process has used, as counted by the kernel, so that restarts of the server do not matter. */
import { readFileSync } from "node:fs";
import type { VmUsage } from "../engine.ts";
import { isRunning, type ProcessRecord } from "./process-record.ts";

/** Ticks per second in `/proc`: the same on every Linux on x86 (USER_HZ). */
const TICKS_PER_SECOND = 100;
/** Fields of proc_pid_stat(5), counted from the one after the name: time in user mode, time in the kernel. */
const UTIME = 11;
const STIME = 12;

/** Null when the process is gone. */
export function processUsage(record: Pick<ProcessRecord, "pid" | "startTicks">): VmUsage | null {
  try {
    if (!isRunning(record)) return null;
    const stat = readFileSync(`/proc/${record.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = readFileSync(`/proc/${record.pid}/status`, "utf8");
    return {
      cpuSeconds: (Number(fields[UTIME]) + Number(fields[STIME])) / TICKS_PER_SECOND,
      memoryBytes: (kiB(status, "RssAnon") + kiB(status, "VmSwap")) * 1024,
    };
  } catch {
    return null;
  }
}

function kiB(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0);
}
