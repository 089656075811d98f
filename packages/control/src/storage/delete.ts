import { type Actor, ApiError } from "@sandkeep/protocol";
import { type DiskKind, type DiskRecord, UniqueViolation } from "@sandkeep/store";
import type { Owner, Principal } from "../auth/authenticator.ts";
import { graceMs, type StorageContext, storageOf } from "./context.ts";
import { findDisk, inUse, notFound, storageFailure } from "./failures.ts";

/**
 * Deletes a volume or snapshot: from now on nothing can use it, and its slug is free. Its data is kept for a while. A volume
 * that is mounted in a sandbox is detached first.
 *
 * @throws {ApiError} `VOLUME_IN_USE` or `SNAPSHOT_IN_USE`, which name what uses it
 */
export async function deleteDisk(
  context: StorageContext,
  kind: DiskKind,
  idOrSlug: string,
  { organisation, actor }: Owner,
): Promise<DiskRecord> {
  const { disks, events, log } = context;
  const disk = await findDisk(disks, organisation.id, kind, idOrSlug);
  const deletedAt = await context.holders.outliving([disk.id], async () => {
    if (kind === "volume") await context.holders.detach(disk.id, actor);
    const now = Date.now();
    if (await disks.setDeleted(disk.id, now)) return now;
    // Without a reason, it was deleted meanwhile, or what used it is gone.
    throw (
      (await inUse(disks, disk)) ??
      ((await disks.find(organisation.id, kind, disk.id))
        ? new ApiError("CHANGED_MEANWHILE")
        : notFound(kind, idOrSlug))
    );
  });
  const data = { slug: disk.slug, removedAtMs: deletedAt + graceMs(context) };
  events.publish(
    { organisation, sandbox: null, actor },
    kind === "volume"
      ? { kind: "volume.deleted", outcome: "ok", data: { volume: disk.id, ...data } }
      : { kind: "snapshot.deleted", outcome: "ok", data: { snapshot: disk.id, ...data } },
  );
  log.info({ disk: disk.id, slug: disk.slug }, `${kind} deleted`);
  return { ...disk, state: "deleted", deletedAt };
}

/**
 * Deletes a volume or snapshot together with its data. One that is deleted already must be named by its id: several may have
 * had the same slug, and a repeated request must not remove another one.
 *
 * @throws {ApiError} as {@link deleteDisk} does
 */
export async function deleteDiskNow(
  context: StorageContext,
  kind: DiskKind,
  idOrSlug: string,
  principal: Owner,
): Promise<void> {
  const { organisation, actor } = principal;
  const current = await context.disks.find(organisation.id, kind, idOrSlug);
  const deleted = current ? null : await context.disks.findDeleted(organisation.id, kind, idOrSlug);
  const disk = deleted?.id === idOrSlug ? deleted : await deleteDisk(context, kind, idOrSlug, principal);
  if (!(await context.disks.setRemoving(disk.id))) throw new ApiError("CHANGED_MEANWHILE");
  await removeData(context, disk, organisation, actor);
}

/** Removes the data of a disk that is `removing`, and then its record. After a crash in between, upkeep does the rest. */
export async function removeData(
  context: StorageContext,
  disk: DiskRecord,
  organisation: { id: string; slug: string },
  actor: Actor,
): Promise<void> {
  const { id, kind, slug } = disk;
  try {
    await storageOf(context, disk).remove(id);
  } catch (error) {
    throw storageFailure(error);
  }
  await context.disks.remove(id);
  context.events.publish(
    { organisation, sandbox: null, actor },
    kind === "volume"
      ? { kind: "volume.removed", outcome: "ok", data: { volume: id, slug } }
      : { kind: "snapshot.removed", outcome: "ok", data: { snapshot: id, slug } },
  );
  context.log.info({ disk: id, slug }, `the data of a deleted ${kind} was removed`);
}

/**
 * Restores a deleted volume or snapshot while its data is kept.
 *
 * @param newSlug If its own slug has been taken meanwhile.
 * @throws {ApiError} `VOLUME_NOT_FOUND`, `SNAPSHOT_NOT_FOUND`, `SLUG_ALREADY_IN_USE`
 */
export async function restoreDisk(
  { disks, events }: StorageContext,
  kind: DiskKind,
  idOrSlug: string,
  newSlug: string | null,
  { organisation, actor }: Principal,
): Promise<DiskRecord> {
  const disk = await disks.findDeleted(organisation.id, kind, idOrSlug);
  if (!disk)
    throw new ApiError(
      kind === "volume" ? "VOLUME_NOT_FOUND" : "SNAPSHOT_NOT_FOUND",
      `There is no deleted ${kind} ${JSON.stringify(idOrSlug.slice(0, 64))} whose data is still kept.`,
    );
  const slug = newSlug ?? disk.slug;
  try {
    if (!(await disks.restore(disk.id, slug))) throw new ApiError("CHANGED_MEANWHILE");
  } catch (error) {
    if (error instanceof UniqueViolation)
      throw new ApiError(
        "SLUG_ALREADY_IN_USE",
        `Another volume or snapshot is named ${slug}; restore it with a new slug.`,
      );
    throw error;
  }
  events.publish(
    { organisation, sandbox: null, actor },
    kind === "volume"
      ? { kind: "volume.restored", outcome: "ok", data: { volume: disk.id, slug } }
      : { kind: "snapshot.restored", outcome: "ok", data: { snapshot: disk.id, slug } },
  );
  return { ...disk, slug, state: "ready", deletedAt: null };
}
