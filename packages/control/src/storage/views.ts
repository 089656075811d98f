import type { DiskFacts } from "@sandkeep/host";
import type { Snapshot, SnapshotDetail, Volume, VolumeDetail } from "@sandkeep/protocol";
import type { AttachedDisk, DiskRecord } from "@sandkeep/store";
import { graceMs, type StorageContext, storageOf } from "./context.ts";

type Sizes = Pick<DiskFacts, "allocatedBytes" | "flattenedBytes">;

/** What a disk occupies on its host; zeros if the host cannot tell. */
async function sizes(context: StorageContext, disk: DiskRecord): Promise<Sizes> {
  try {
    return await storageOf(context, disk).facts(disk.id);
  } catch (err) {
    context.log.error({ err, disk: disk.id }, "the size of a disk is unknown");
    return { allocatedBytes: 0, flattenedBytes: 0 };
  }
}

/** As the official clients expect it. */
export async function volumeView(context: StorageContext, disk: DiskRecord): Promise<Volume> {
  const { id, slug, region, capacityBytes, bootable, source } = disk;
  const { allocatedBytes, flattenedBytes } = await sizes(context, disk);
  return {
    id,
    slug,
    region,
    capacity: capacityBytes,
    estimated_allocated_size: allocatedBytes,
    estimated_flattened_size: flattenedBytes,
    is_bootable: bootable,
    base_snapshot: source,
  };
}

/** As the official clients expect it. */
export async function snapshotView(context: StorageContext, disk: DiskRecord): Promise<Snapshot> {
  const { id, slug, region, bootable, source } = disk;
  const { allocatedBytes, flattenedBytes } = await sizes(context, disk);
  return {
    id,
    slug,
    region,
    allocated_size: allocatedBytes,
    flattened_size: flattenedBytes,
    is_bootable: bootable,
    volume: source ?? { id, slug },
  };
}

const iso = (ms: number) => new Date(ms).toISOString();

function details(context: StorageContext, { state, createdAt, deletedAt }: DiskRecord) {
  return {
    createdAt: iso(createdAt),
    state: state === "deleted" ? ("deleted" as const) : ("ready" as const),
    deletedAt: deletedAt === null ? null : iso(deletedAt),
    removedAt: deletedAt === null ? null : iso(deletedAt + graceMs(context)),
  };
}

/** @param attached Who has volumes, those of others included. */
export async function volumeDetail(
  context: StorageContext,
  disk: DiskRecord,
  attached: readonly AttachedDisk[],
): Promise<VolumeDetail> {
  const { sandbox, path, readOnly } = attached.find((one) => one.disk === disk.id) ?? {};
  return {
    ...(await volumeView(context, disk)),
    ...details(context, disk),
    attachment: sandbox === undefined ? null : { sandbox, path: path ?? null, readOnly: readOnly ?? false },
  };
}

export async function snapshotDetail(context: StorageContext, disk: DiskRecord): Promise<SnapshotDetail> {
  return { ...(await snapshotView(context, disk)), ...details(context, disk), capacity: disk.capacityBytes };
}
