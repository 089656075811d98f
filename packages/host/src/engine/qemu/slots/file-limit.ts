/** The limit on the size of the files that a machine's process writes. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { SerialQueue } from "@sandkeep/common";
import { hasCapability } from "@sandkeep/jail";

const run = promisify(execFile);

const GIB = 1024 ** 3;

/** Largest file that a machine may write at first: a full 10 GB disk plus qcow2's tables. */
export const MAX_FILE_BYTES = 12 * GIB;
/**
 * What the limit can be raised to by who cannot raise it beyond what a process started with, as without root. The process
 * can do that itself, if it is taken over.
 */
const MAX_ROOTLESS_FILE_BYTES = 256 * GIB;
/** Part of a disk's size that qcow2's tables may take in addition; they take about a thousandth. */
const TABLES_SHARE = 1 / 512;
/** Clusters that no data uses, left by crashes. */
const MAX_LEAK_BYTES = GIB;

/** CAP_SYS_RESOURCE, without which nobody can change the limits of another user's process. */
const SYS_RESOURCE = 24;

/** What a process starts with: the limit, and what it may be raised to. */
export function initialFileLimits(isRoot: boolean): { fileBytes: number; mostFileBytes: number } {
  if (!isRoot) return { fileBytes: MAX_FILE_BYTES, mostFileBytes: MAX_ROOTLESS_FILE_BYTES };
  // Root in a container may be unable to change it later.
  const fileBytes = hasCapability(SYS_RESOURCE) ? MAX_FILE_BYTES : MAX_ROOTLESS_FILE_BYTES;
  return { fileBytes, mostFileBytes: fileBytes };
}

/** The largest disk that a machine can have, in bytes. @param anyLimit whether this server can set any limit */
export function mostDiskBytes(anyLimit = process.getuid!() === 0 && hasCapability(SYS_RESOURCE)): number {
  if (anyLimit) return Number.POSITIVE_INFINITY;
  return Math.floor((MAX_ROOTLESS_FILE_BYTES - MAX_LEAK_BYTES) / (1 + TABLES_SHARE));
}

/** One after the other, so that none takes back what another has just raised. */
const raising = new SerialQueue();

/** Raises the limit of a process so that it can write a disk of this size. */
export async function allowDisk(pid: number, bytes: number): Promise<void> {
  await raising.run(() => raise(pid, bytes));
}

async function raise(pid: number, bytes: number): Promise<void> {
  const wanted = Math.ceil(bytes * (1 + TABLES_SHARE)) + MAX_LEAK_BYTES;
  if (wanted <= MAX_FILE_BYTES) return;
  const [soft, hard] = /^Max file size\s+(\S+)\s+(\S+)/m.exec(await readFile(`/proc/${pid}/limits`, "utf8"))!.slice(1);
  if (soft === "unlimited" || Number(soft) >= wanted) return;
  const raised = hard === "unlimited" ? hard : Math.max(Number(hard), process.getuid!() === 0 ? wanted : 0);
  if (raised !== "unlimited" && Number(raised) < wanted)
    throw new Error(
      `A machine's disk can have at most ${Math.floor(Number(raised) / GIB)} GiB. Run the server as root, with CAP_SYS_RESOURCE, for larger ones.`,
    );
  await run("prlimit", [`--pid=${pid}`, `--fsize=${wanted}:${raised}`]);
}
