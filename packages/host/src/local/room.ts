/** Makes room for another machine: the warm pool gives memory back before a machine is refused. */
import { NoCapacity } from "../contract.ts";
import { diskFits } from "../pool/disk.ts";
import { fits, MACHINE_MIB, promiseMemory } from "../pool/memory.ts";
import type { Pools } from "../pool/pools.ts";

/**
 * @param neededMiB memory of the machine
 * @throws {NoCapacity} if disk or memory do not suffice
 */
export async function makeRoom(runDir: string, pools: Pools, neededMiB = MACHINE_MIB): Promise<void> {
  if (!diskFits(runDir))
    throw new NoCapacity(
      "This machine's disk is nearly full. End some sandboxes, or free space on the data directory's disk.",
    );
  while (!fits(neededMiB)) {
    if (!(await pools.shrink())) {
      throw new NoCapacity(
        "This machine has no memory left for another sandbox. End some, or give the host more memory.",
      );
    }
  }
}

/**
 * As {@link makeRoom}, for machines that take much memory, but not at once: it is theirs until this is disposed of.
 *
 * @throws {NoCapacity}
 */
export async function reserveRoom(runDir: string, pools: Pools, neededMiB: number): Promise<Disposable> {
  for (;;) {
    await makeRoom(runDir, pools, neededMiB);
    // Somebody else may have taken it in between.
    if (fits(neededMiB)) return promiseMemory(neededMiB);
  }
}
