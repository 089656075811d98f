import type { DiskFacts, Storage, VolumeSpec } from "@sandkeep/host";
import {
  ApiError,
  type EventBody,
  MIN_CAPACITY_BYTES,
  newSnapshotId,
  newVolumeId,
  type VolumeRequest,
} from "@sandkeep/protocol";
import { type DiskKind, type DiskRecord, NothingChanged, UniqueViolation } from "@sandkeep/store";
import type { Owner, Principal } from "../auth/authenticator.ts";
import { BASE_IMAGE } from "../base-image.ts";
import { type StorageContext, storageOf } from "./context.ts";
import { changeFailure, findDisk, notFound } from "./failures.ts";

/**
 * Creates a volume: empty, from the base image, or from a snapshot.
 *
 * @throws {ApiError}
 */
export async function createVolume(
  context: StorageContext,
  { slug, region, capacity, from = null }: VolumeRequest,
  principal: Principal,
): Promise<DiskRecord> {
  const organisation = principal.organisation.id;
  if (region !== context.region)
    throw new ApiError(
      "REGION_MISMATCH",
      `This server is in the region ${context.region}, not in ${JSON.stringify(region)}.`,
    );
  checkCapacity(context, capacity);
  const ofImage = from === BASE_IMAGE;
  const source = from === null || ofImage ? null : await findDisk(context.disks, organisation, "snapshot", from);
  if (source && source.region !== region)
    throw new ApiError("REGION_MISMATCH", `The snapshot ${source.slug} is in the region ${source.region}.`);
  const record: DiskRecord = {
    id: newVolumeId(region),
    kind: "volume",
    organisation,
    slug,
    region,
    host: source?.host ?? (await context.hosts.roomiest()).id,
    capacityBytes: capacity,
    bootable: ofImage || (source?.bootable ?? false),
    source: source && { id: source.id, slug: source.slug },
    state: "creating",
    createdAt: Date.now(),
    deletedAt: null,
  };
  const spec: VolumeSpec = {
    id: record.id,
    capacityBytes: capacity,
    ...(ofImage && { from: { image: null } }),
    ...(source && { from: { snapshot: source.id } }),
  };
  return await create(context, record, source, principal, (storage) => storage.createVolume(spec), {
    kind: "volume.created",
    data: { volume: record.id, slug, capacity, from: source?.id ?? from },
  });
}

/**
 * Takes a snapshot of a volume.
 *
 * @throws {ApiError}
 */
export async function snapshotVolume(
  context: StorageContext,
  idOrSlug: string,
  slug: string,
  principal: Principal,
): Promise<DiskRecord> {
  const volume = await findDisk(context.disks, principal.organisation.id, "volume", idOrSlug);
  const record: DiskRecord = {
    ...volume,
    id: newSnapshotId(volume.region),
    kind: "snapshot",
    slug,
    source: { id: volume.id, slug: volume.slug },
    state: "creating",
    createdAt: Date.now(),
  };
  const take = (storage: Storage) =>
    context.holders.outliving([volume.id], () => storage.snapshotVolume(volume.id, record.id));
  return await create(context, record, volume, principal, take, {
    kind: "snapshot.created",
    data: { snapshot: record.id, slug, volume: volume.id },
  });
}

/** A running sandbox whose disk can be snapshotted. */
export interface SnapshotSource {
  id: string;
  region: string;
  host: string;
  /** What it runs on, if that is a volume. */
  root: { id: string; slug: string } | null;
  snapshotRoot(snapshot: string): Promise<DiskFacts>;
}

/**
 * Takes a snapshot of a running sandbox's disk.
 *
 * @throws {ApiError}
 */
export async function snapshotSandbox(
  context: StorageContext,
  { id, region, host, root, snapshotRoot }: SnapshotSource,
  slug: string,
  principal: Owner,
): Promise<DiskRecord> {
  const source = root ?? { id, slug: id };
  const record: DiskRecord = {
    id: newSnapshotId(region),
    kind: "snapshot",
    organisation: principal.organisation.id,
    slug,
    region,
    host,
    // Corrected by the host; until then the limit counts what a sandbox's disk has at most.
    capacityBytes: context.limits.maxVolumeBytes,
    bootable: true,
    source,
    state: "creating",
    createdAt: Date.now(),
    deletedAt: null,
  };
  return await create(context, record, root, principal, () => snapshotRoot(record.id), {
    kind: "snapshot.created",
    data: { snapshot: record.id, slug, volume: source.id },
  });
}

/** @throws {ApiError} `INVALID_REQUEST` */
export function checkCapacity({ limits }: StorageContext, bytes: number): void {
  if (bytes >= MIN_CAPACITY_BYTES && bytes <= limits.maxVolumeBytes) return;
  throw new ApiError(
    "INVALID_REQUEST",
    `The capacity is ${bytes} bytes, but a volume has ${MIN_CAPACITY_BYTES} to ${limits.maxVolumeBytes}.`,
  );
}

/**
 * First the record, then the data, then the record says that it is ready: after a crash in between, upkeep finds the
 * record and removes both.
 *
 * @param needs The disk that it is made from, if that must be ready.
 */
export async function create(
  context: StorageContext,
  record: DiskRecord,
  needs: { id: string; slug: string } | null,
  { organisation, actor }: Owner,
  work: (storage: Storage) => Promise<DiskFacts>,
  event: Omit<Extract<EventBody, { kind: "volume.created" | "snapshot.created" }>, "outcome">,
): Promise<DiskRecord> {
  const { disks, creating, limits, events, log } = context;
  const { id } = record;
  const storage = storageOf(context, record);
  const subject = { organisation, sandbox: null, actor };
  creating.add(id);
  using _ = { [Symbol.dispose]: () => void creating.delete(id) };
  await reserve(context, record, needs);
  try {
    const { capacityBytes, bootable } = await work(storage);
    const ready: DiskRecord = { ...record, capacityBytes, bootable, state: "ready" };
    await disks.setReady(id, ready, { bytes: limits.bytesPerOrganisation }).catch(async (error: unknown) => {
      throw error instanceof NothingChanged ? await notReady(context, ready) : error;
    });
    events.publish(subject, { ...event, outcome: "ok" } as EventBody);
    log.info({ disk: id, slug: record.slug }, `${record.kind} created`);
    return ready;
  } catch (cause) {
    await storage
      .remove(id)
      .then(() => disks.remove(id))
      .catch((err: unknown) => log.error({ err, disk: id }, "what was left of a failed creation is removed later"));
    // What it is made from, or a sandbox's own disk.
    const changed = needs ? { ...needs, organisation: record.organisation, kind: otherKind(record.kind) } : record;
    const error = await changeFailure(disks, changed, cause);
    const code = error instanceof ApiError ? error.code : "INTERNAL";
    events.publish(subject, { ...event, outcome: "failed", data: { ...event.data, error: code } } as EventBody);
    throw error;
  }
}

/** Why what the host has made cannot be used: it is larger than was reserved, or its record is gone. */
async function notReady({ disks, limits }: StorageContext, { id, organisation, host }: DiskRecord): Promise<ApiError> {
  if (!(await disks.idsOn(host)).includes(id)) return new ApiError("CHANGED_MEANWHILE");
  return tooMuch((await disks.usage(organisation)).bytes, limits.bytesPerOrganisation);
}

/** @throws {ApiError} `SLUG_ALREADY_IN_USE`, `STORAGE_LIMIT`, `SNAPSHOT_NOT_FOUND`, `VOLUME_NOT_FOUND` */
async function reserve(
  { disks, limits, owner }: StorageContext,
  record: DiskRecord,
  needs: { id: string; slug: string } | null,
): Promise<void> {
  const number = record.kind === "volume" ? limits.volumesPerOrganisation : limits.snapshotsPerOrganisation;
  const bytes = limits.bytesPerOrganisation;
  try {
    await disks.insert(record, owner, { number, bytes }, needs?.id);
  } catch (error) {
    if (error instanceof UniqueViolation)
      throw new ApiError("SLUG_ALREADY_IN_USE", `A volume or snapshot named ${record.slug} already exists.`);
    if (!(error instanceof NothingChanged)) throw error;
    const usage = await disks.usage(record.organisation);
    const count = record.kind === "volume" ? usage.volumes : usage.snapshots;
    if (count >= number)
      throw new ApiError(
        "STORAGE_LIMIT",
        `The organisation already has ${count} ${record.kind}s, counting those deleted whose data is kept; its limit is ${number}.`,
      );
    if (usage.bytes + record.capacityBytes > bytes) throw tooMuch(usage.bytes, bytes);
    throw notFound(otherKind(record.kind), needs?.slug ?? "");
  }
}

export function tooMuch(used: number, limit: number): ApiError {
  return new ApiError(
    "STORAGE_LIMIT",
    `The capacities of the organisation's volumes and snapshots, those deleted included whose data is kept, add up to ${used} bytes; the limit is ${limit}.`,
  );
}

/** A volume is made from a snapshot, and a snapshot from a volume. */
const otherKind = (kind: DiskKind): DiskKind => (kind === "volume" ? "snapshot" : "volume");
