import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MACHINE_RECORD } from "@sandkeep/host/testing";

/** The kernel reports processor time in hundredths of a second (USER_HZ), whatever its internal clock is. */
const TICKS_PER_SECOND = 100;

/**
 * Processes of a server's sandboxes. Their command lines contain the machine's folder in the server's data directory,
 * which has a record; a machine in the warm pool has none.
 */
export function sandboxProcesses(dataDir: string): number[] {
  const run = join(dataDir, "run/");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const [, after] = read(`/proc/${pid}/cmdline`)?.split(run, 2) ?? [];
      const [name] = /^[0-9a-f]+/.exec(after ?? "") ?? [];
      return name !== undefined && existsSync(join(run, name, MACHINE_RECORD));
    });
}

/** Node processes that a process has started, directly or through a jail's tools, and that run this module. */
export function nodesBelow(parent: number, module: string): number[] {
  const children = Map.groupBy(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number),
    parentOf,
  );
  const below = (pid: number): number[] => (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(parent).filter((pid) => {
    const [program, ...words] = read(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
    return program === process.execPath && words.some((word) => word.endsWith(module));
  });
}

function parentOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

/** Memory of processes, in bytes; shared pages are divided among the processes that share them (proc(5), smaps_rollup). */
export function pssBytes(pids: number[]): number {
  let kib = 0;
  for (const pid of pids) kib += Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? "")?.[1] ?? 0);
  return kib * 1_024;
}

/** Processor time that a process has used, in seconds; undefined when the process is gone. */
export function cpuSeconds(pid: number): number | undefined {
  const stat = read(`/proc/${pid}/stat`);
  if (!stat) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Memory available on this computer, in bytes. */
export function memoryAvailable(): number {
  return Number(/^MemAvailable:\s+(\d+)/m.exec(read("/proc/meminfo") ?? "")?.[1] ?? 0) * 1_024;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
