/** Limits by the host's disk. */
import { statfsSync } from "node:fs";

/** Free space that must remain when a machine is created, in MiB: machines and the server write to the same disk. */
const RESERVE_MIB = 2048;

/**
 * Whether the disk of a folder has room for another machine's writes. Synchronous, because the kernel knows it without
 * asking the disk, and a create waits for it.
 */
export function diskFits(dir: string): boolean {
  const { bavail, bsize } = statfsSync(dir);
  return (bavail * bsize) / 1024 ** 2 >= RESERVE_MIB;
}
