/** A root whose changes are deleted with the machine. */
import type { DiskFacts } from "../contract.ts";
import { ROOT_SLOT, type RootDisk } from "../engine/engine.ts";
import { explained } from "../storage/explained.ts";
import type { LayersToKeep } from "../storage/options.ts";
import { createLayer } from "../storage/qcow2.ts";
import type { Clone } from "./clone.ts";
import { ownLayerIn, type RootRecord } from "./folder.ts";
import { whileFrozen } from "./live-volume.ts";

/** Gives a machine that waits for its root a disk with a layer of its own, which its agent can then enter. */
export async function plugThrowAway({ vm, dir }: Pick<Clone, "vm" | "dir">, root: RootDisk): Promise<void> {
  const { layers, capacityBytes: bytes } = root;
  const own = ownLayerIn(dir);
  await createLayer(own, bytes);
  await vm.slots.plug(ROOT_SLOT, { layers: [...layers, own], bytes, durable: false });
}

export interface SnapshotOptions {
  clone: Clone;
  root: RootRecord;
  /** Records that the machine may have another layer from now on. */
  record: (root: RootRecord) => Promise<void>;
  /** Makes a snapshot of layers, the last of which is not written any more once `freeze` has resolved. */
  keep: (layers: LayersToKeep) => Promise<DiskFacts>;
}

/** Makes a snapshot of the root of a machine that runs, and goes on with a new layer. */
export async function snapshotThrowAway({ clone, root, record, keep }: SnapshotOptions): Promise<DiskFacts> {
  const { vm, guest, dir } = clone;
  const { image, capacityBytes } = root;
  // If an earlier attempt failed, the machine may lack the layer that was recorded last.
  const depth = await vm.slots.depth(ROOT_SLOT);
  const layers = root.layers.slice(0, depth);
  const own = ownLayerIn(dir, depth);
  await explained("the disk of the sandbox", () => createLayer(own, capacityBytes));
  await record({ ...root, layers: [...layers, own] });
  const layer = { path: own, bytes: capacityBytes, durable: false };
  const freeze = () => vm.slots.addLayer(ROOT_SLOT, layer, (take) => whileFrozen(guest, null, take));
  return await keep({ image, layers, capacityBytes, freeze });
}
