/** What a new volume begins with. */
import { DiskError, type VolumeSpec } from "../contract.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Layers } from "./layers.ts";
import { readLayer } from "./qcow2.ts";

/** Layers below the volume's own. They are kept until this is disposed. */
export type Content = AsyncDisposable & { layers: string[]; bootable: boolean };

export interface Images {
  /** Id of the image that `null` stands for. */
  defaultImage: string;
  /** Path of an image's disk; undefined if there is no such image. */
  findImageDisk(id: string): Promise<string | undefined>;
}

/** @throws {DiskError} `UNKNOWN_DISK`, `WRONG_KIND`, `TOO_SMALL` */
export async function contentOf(
  { id, capacityBytes, from }: VolumeSpec,
  images: Images,
  catalogue: Catalogue,
  layers: Layers,
): Promise<Content> {
  if (!from) return { layers: [], bootable: false, async [Symbol.asyncDispose]() {} };
  if ("snapshot" in from) {
    const record = catalogue.get(from.snapshot);
    if (record.kind !== "snapshot")
      throw new DiskError("WRONG_KIND", `${from.snapshot} is a volume. Make a snapshot of it, and a volume from that.`);
    requireCapacity(id, capacityBytes, record.capacityBytes, `snapshot ${from.snapshot}`);
    return Object.assign(layers.pin(record.layers), { layers: record.layers, bootable: record.bootable });
  }
  const image = from.image ?? images.defaultImage;
  const disk = await images.findImageDisk(image);
  if (!disk) throw new DiskError("UNKNOWN_DISK", `This host has no image ${image}. Build it there first.`);
  // No machine has written it, so that its size is what it says.
  const { bytes } = await readLayer(disk, Number.MAX_SAFE_INTEGER);
  requireCapacity(id, capacityBytes, bytes, `image ${image}`);
  const layer = await layers.adopt(image, disk);
  return Object.assign(layer, { layers: [layer.name], bootable: true });
}

function requireCapacity(id: string, bytes: number, least: number, of: string): void {
  if (bytes >= least) return;
  throw new DiskError(
    "TOO_SMALL",
    `Volume ${id} cannot have ${bytes} bytes: the content of ${of} needs ${least} bytes. Ask for at least that much.`,
  );
}
