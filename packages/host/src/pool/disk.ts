/** What the host's disk allows. */
import { statfs } from "node:fs/promises";

/** Left free when a machine is made, in MiB: machines write to the same disk, and so does the server. */
const RESERVE_MIB = 2048;

/** Whether there is room for another machine's writes beside a folder. */
export async function diskFits(dir: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(dir);
  return (bavail * bsize) / 1024 ** 2 >= RESERVE_MIB;
}
