/** Repairs the layers of volumes after a machine's crash. */
import { syncPath } from "@sandkeep/common";
import { DiskError } from "../../contract.ts";
import { checkLayer } from "../jailed/check.ts";
import type { StorageParts } from "../parts.ts";
import { type DiskRecord, deviceBytes } from "../record.ts";

/**
 * Repairs what a machine may have written of a volume that no machine has now.
 *
 * @throws {DiskError} `DAMAGED_DISK`, `NOT_CHECKED`
 */
export async function repairVolume(
  id: string,
  record: DiskRecord,
  { catalogue, layers, jail }: StorageParts,
): Promise<void> {
  // If a snapshot was interrupted too, the machine may have written the layer before the last.
  for (const name of record.layers.slice(-2)) {
    await layers.exclusively(name, async () => {
      if (catalogue.usesOf(name) > 1 || !(await layers.mayChange(name))) return;
      const path = layers.path(name);
      const mostBytes = deviceBytes(record.capacityBytes);
      const { state, detail } = await checkLayer(path, { jail, mostBytes, repair: true });
      if (state === "unknown")
        throw new DiskError("NOT_CHECKED", `Volume ${id} could not be checked after a crash: ${detail}. Try again.`);
      if (state !== "clean") throw new DiskError("DAMAGED_DISK", `Volume ${id} cannot be used: ${detail}`);
      await syncPath(path);
    });
  }
}
