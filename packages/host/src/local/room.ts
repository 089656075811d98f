/** Makes room for another machine: the warm pool gives memory back before a machine is refused. */
import { NoCapacity } from "../contract.ts";
import { diskFits } from "../pool/disk.ts";
import { fits, MACHINE_MIB } from "../pool/memory.ts";
import type { Pools } from "../pool/pools.ts";

/**
 * @param neededMiB memory of the machine
 * @throws {NoCapacity} if disk or memory do not suffice
 */
export async function makeRoom(runDir: string, pools: Pools, neededMiB = MACHINE_MIB): Promise<void> {
  if (!diskFits(runDir)) {
    throw new NoCapacity(
      "This machine's disk is nearly full. End some sandboxes, or free space on the data directory's disk.",
    );
  }
  while (!fits(neededMiB)) {
    if (!(await pools.shrink())) {
      throw new NoCapacity(
        "This machine has no memory left for another sandbox. End some, or give the host more memory.",
      );
    }
  }
}
