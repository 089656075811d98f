import { readdirSync, readFileSync } from "node:fs";
import { startTicks } from "@sandkeep/common/process-identity";

/** A process of this computer, whatever becomes of its pid. */
export interface Process {
  pid: number;
  ticks: number;
}

/** A process and all that it started, directly or indirectly. */
export function tree(pid: number): Process[] {
  const parents = new Map(pids().map((pid) => [pid, parentOf(pid)]));
  const isIn = (one: number | undefined): boolean => one !== undefined && (one === pid || isIn(parents.get(one)));
  return identified([...parents.keys()].filter(isIn));
}

/** Whether it has not ended. */
export const lives = ({ pid, ticks }: Process): boolean => startTicks(pid) === ticks;

const pids = (): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

/** Those of the processes that live. */
export function identified(pids: Iterable<number>): Process[] {
  return [...pids].flatMap((pid) => {
    const ticks = startTicks(pid);
    return ticks === undefined ? [] : [{ pid, ticks }];
  });
}

function parentOf(pid: number): number | undefined {
  const stat = readStat(pid);
  return stat === "" ? undefined : Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

/** Empty if it has ended. */
function readStat(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return "";
  }
}
