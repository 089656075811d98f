/** Limits by the host's disk. */
import { statfsSync } from "node:fs";
import { DiskError } from "../contract.ts";

/** Free space that must remain when a machine is created, in MiB: machines and the server write to the same disk. */
const RESERVE_MIB = 2048;
const MIB = 1024 ** 2;

/**
 * Whether the disk of a folder has room for another machine's writes. Synchronous, because the kernel knows it without
 * asking the disk, and a create waits for it.
 */
export function diskFits(dir: string): boolean {
  return freeBytes(dir) / MIB >= RESERVE_MIB;
}

/** What is reserved for files that are being written, in bytes. A machine may be created meanwhile. */
let reservedBytes = 0;

/**
 * Reserves room for a file of this size beside {@link RESERVE_MIB} until disposed, when it is written. What is there of it
 * before counts twice, which is safe.
 *
 * @throws {DiskError} `NO_SPACE`
 */
export function reserveSpace(dir: string, bytes: number): Disposable {
  const free = Math.max(0, freeBytes(dir) - RESERVE_MIB * MIB - reservedBytes);
  if (bytes <= free) {
    reservedBytes += bytes;
    return { [Symbol.dispose]: () => void (reservedBytes -= bytes) };
  }
  throw new DiskError(
    "NO_SPACE",
    `This needs ${bytes} bytes on the host's disk, which has ${free} to spare. Remove volumes or snapshots, or free space there.`,
  );
}

function freeBytes(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}
