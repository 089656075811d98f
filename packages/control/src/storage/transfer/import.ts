import type { Readable } from "node:stream";
import { ApiError, newVolumeId } from "@sandkeep/protocol";
import type { DiskRecord } from "@sandkeep/store";
import type { Principal } from "../../auth/authenticator.ts";
import type { StorageContext } from "../context.ts";
import { checkCapacity, create } from "../create.ts";
import { readDiskFile } from "./disk-file.ts";

/**
 * Creates a volume from an exported file. The limits are checked before anything is written; a file that is cut off or was
 * changed leaves nothing.
 *
 * @throws {ApiError}
 */
export async function importVolume(
  context: StorageContext,
  { slug, region = context.region }: { slug: string; region?: string | undefined },
  source: Readable,
  principal: Principal,
): Promise<DiskRecord> {
  if (region !== context.region)
    throw new ApiError(
      "REGION_MISMATCH",
      `This server is in the region ${context.region}, not in ${JSON.stringify(region)}.`,
    );
  using _ = context.transfers.enter(principal.organisation.id);
  await using file = await readDiskFile(source);
  const { capacityBytes, bootable, dataBytes } = file.header;
  checkCapacity(context, capacityBytes);
  const record: DiskRecord = {
    id: newVolumeId(region),
    kind: "volume",
    organisation: principal.organisation.id,
    slug,
    region,
    host: (await context.hosts.roomiest()).id,
    capacityBytes,
    bootable,
    source: null,
    state: "creating",
    createdAt: Date.now(),
    deletedAt: null,
  };
  const { id } = record;
  return await create(
    context,
    record,
    null,
    principal,
    (storage) => storage.importVolume({ id, capacityBytes, bootable }, { bytes: dataBytes, data: file.data }),
    { kind: "volume.created", data: { volume: id, slug, capacity: capacityBytes, from: "file" } },
  );
}
