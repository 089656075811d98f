/** Limits by the host's disk. */
import { statfs } from "node:fs/promises";

/** Free space that must remain when a machine is created, in MiB: machines and the server write to the same disk. */
const RESERVE_MIB = 2048;

/** Whether the disk of a folder has room for another machine's writes. */
export async function diskFits(dir: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(dir);
  return (bavail * bsize) / 1024 ** 2 >= RESERVE_MIB;
}
