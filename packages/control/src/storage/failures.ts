import { DiskError, type DiskErrorCode, GuestError, GuestGone } from "@sandkeep/host";
import { ApiError, type ErrorCode } from "@sandkeep/protocol";
import type { DiskKind, DiskRecord, DiskStore } from "@sandkeep/store";

/** Refusals of the host that concern the client; all others are the server's own failures. */
const CODES: Partial<Record<DiskErrorCode, ErrorCode>> = {
  DISK_IN_USE: "VOLUME_IN_USE",
  NOT_BOOTABLE: "NOT_BOOTABLE",
  TOO_SMALL: "INVALID_REQUEST",
  TOO_LARGE: "INVALID_REQUEST",
  TOO_MANY_LAYERS: "STORAGE_LIMIT",
  NO_SPACE: "NO_SPACE",
  NOT_CHECKED: "NO_CAPACITY",
  DAMAGED_DISK: "DISK_DAMAGED",
  // Its record says that it exists, so its data is missing.
  UNKNOWN_DISK: "DISK_DAMAGED",
  INVALID_FILE: "INVALID_DISK_FILE",
};

/** The client's error for a failure of a host's storage; anything else is returned as it is. */
export function storageFailure(error: unknown): unknown {
  if (!(error instanceof DiskError)) return error;
  const code = CODES[error.code];
  return code === undefined ? error : new ApiError(code, error.message, { cause: error });
}

/** The client's error for a failed change of a disk that may have been removed, or whose sandbox may have ended, meanwhile. */
export async function changeFailure(
  disks: DiskStore,
  { id, organisation, kind, slug }: Pick<DiskRecord, "id" | "organisation" | "kind" | "slug">,
  error: unknown,
): Promise<unknown> {
  if (error instanceof DiskError && error.code === "UNKNOWN_DISK" && !(await disks.find(organisation, kind, id)))
    return notFound(kind, slug);
  if (error instanceof GuestGone) return new ApiError("CHANGED_MEANWHILE", "The sandbox ended meanwhile.");
  // Root in the sandbox may have frozen the file system, for example.
  if (error instanceof GuestError)
    return new ApiError("VOLUME_BUSY", `The sandbox's file system refused this: ${error.message}.`, { cause: error });
  return storageFailure(error);
}

/** @throws {ApiError} `VOLUME_NOT_FOUND`, `SNAPSHOT_NOT_FOUND` */
export async function findDisk(
  disks: DiskStore,
  organisation: string,
  kind: DiskKind,
  idOrSlug: string,
): Promise<DiskRecord> {
  const disk = await disks.find(organisation, kind, idOrSlug);
  if (!disk) throw notFound(kind, idOrSlug);
  return disk;
}

export function notFound(kind: DiskKind, idOrSlug: string): ApiError {
  return new ApiError(
    kind === "volume" ? "VOLUME_NOT_FOUND" : "SNAPSHOT_NOT_FOUND",
    `There is no ${kind} ${JSON.stringify(idOrSlug.slice(0, 64))}.`,
  );
}

/** Who uses a disk, or depends on it. Null if nobody does. */
export async function inUse(disks: DiskStore, { id, kind, slug }: DiskRecord): Promise<ApiError | null> {
  const [attachments, dependants, revision] = await Promise.all([
    disks.attachments([id]),
    disks.dependants(id),
    disks.revisionOn(id),
  ]);
  const users = attachments.map(({ sandbox }) => `the sandbox ${sandbox}`);
  if (kind === "volume")
    return users.length === 0 ? null : new ApiError("VOLUME_IN_USE", `The volume ${slug} is in use by ${list(users)}.`);
  users.push(...dependants.map((volume) => `the volume ${volume.slug}`));
  if (revision) users.push(`the revision ${revision.revision} of the app ${revision.app}`);
  return users.length === 0
    ? null
    : new ApiError("SNAPSHOT_IN_USE", `The snapshot ${slug} is needed by ${list(users)}.`);
}

/** Names in one message; the rest are counted. */
const SHOWN = 10;

function list(names: string[]): string {
  const more = names.length - SHOWN;
  return names.slice(0, SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
