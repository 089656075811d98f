import { type DiskSpec, GuestError, type Host, type RootSpec } from "@sandkeep/host";
import { ApiError, type Mount, type SandboxConfig } from "@sandkeep/protocol";
import { type AttachedDisk, type DiskRecord, NothingChanged, UniqueViolation } from "@sandkeep/store";
import { BASE_IMAGE } from "../base-image.ts";
import type { StorageContext } from "./context.ts";
import { findDisk, inUse, notFound, storageFailure } from "./failures.ts";

/** The disks of a new sandbox. */
export interface SandboxDisks {
  /** The host that has them; null: any. */
  host: Host | null;
  /** Null: the host's default. */
  root: RootSpec | null;
  /** Besides the root, for its machine. */
  specs: DiskSpec[];
  /** For the store. */
  attached: AttachedDisk[];
}

export const NO_DISKS: SandboxDisks = { host: null, root: null, specs: [], attached: [] };

/**
 * Finds the root and the volumes that a configuration names.
 *
 * @throws {ApiError} `VOLUME_NOT_FOUND`, `REGION_MISMATCH`, `NOT_BOOTABLE`, `INVALID_CONFIG`
 */
export async function sandboxDisks(
  context: StorageContext,
  sandbox: string,
  organisation: string,
  { root: rootName, volumes }: Pick<SandboxConfig, "root" | "volumes">,
): Promise<SandboxDisks> {
  const { disks, hosts } = context;
  const named = rootName === null || rootName === BASE_IMAGE ? null : rootName;
  if (named === null && volumes.length === 0) return NO_DISKS;
  const root = named === null ? null : await findRoot(context, organisation, named);
  const mounted = await Promise.all(
    volumes.map(async (mount) => ({ mount, disk: await findDisk(disks, organisation, "volume", mount.volume) })),
  );
  const all = [...(root ? [root] : []), ...mounted.map(({ disk }) => disk)];
  const first = all[0]!;
  for (const [at, disk] of all.entries()) {
    checkRegion(context, disk);
    if (all.findIndex(({ id }) => id === disk.id) < at)
      throw new ApiError("INVALID_CONFIG", `The volume ${disk.slug} is named twice.`);
    if (disk.host !== first.host)
      throw new ApiError("INVALID_CONFIG", `${first.slug} and ${disk.slug} are on different computers.`);
  }
  const host = hosts.get(first.host);
  if (!host) throw new ApiError("HOST_NOT_READY", `${first.slug} is on a computer that this server does not use.`);
  return {
    host,
    root: root && (root.kind === "volume" ? { volume: root.id } : { snapshot: root.id }),
    specs: mounted.map(({ mount, disk }) => diskSpec(disk, mount)),
    attached: [
      ...(root ? [attachedDisk(sandbox, root, { path: null, readOnly: root.kind === "snapshot" })] : []),
      ...mounted.map(({ mount, disk }) => attachedDisk(sandbox, disk, mount)),
    ],
  };
}

/** A bootable volume or snapshot. @throws {ApiError} `VOLUME_NOT_FOUND`, `NOT_BOOTABLE` */
async function findRoot({ disks }: StorageContext, organisation: string, idOrSlug: string): Promise<DiskRecord> {
  const found =
    (await disks.find(organisation, "volume", idOrSlug)) ?? (await disks.find(organisation, "snapshot", idOrSlug));
  if (!found)
    throw new ApiError("VOLUME_NOT_FOUND", `There is no volume or snapshot ${JSON.stringify(idOrSlug.slice(0, 64))}.`);
  if (!found.bootable) throw new ApiError("NOT_BOOTABLE", `The ${found.kind} ${found.slug} cannot be a root.`);
  return found;
}

/** That a sandbox uses a disk. Only one at a time can use a volume. */
export function attachedDisk(
  sandbox: string,
  { id, slug, kind }: DiskRecord,
  { path, readOnly }: { path: string | null; readOnly: boolean },
): AttachedDisk {
  return { sandbox, disk: id, slug, path, readOnly, exclusive: kind === "volume" };
}

/** @throws {ApiError} `REGION_MISMATCH` */
export function checkRegion({ region }: StorageContext, disk: DiskRecord): void {
  if (disk.region === region) return;
  throw new ApiError(
    "REGION_MISMATCH",
    `The ${disk.kind} ${disk.slug} is in the region ${disk.region}, not in ${region}.`,
  );
}

/** A volume for a machine. */
export function diskSpec({ id }: DiskRecord, { path, readOnly }: Pick<Mount, "path" | "readOnly">): DiskSpec {
  return { id: diskName(id), volume: id, mount: path, readOnly };
}

/** What a machine calls a volume: the random part of its id, because these names have at most 20 characters. */
export function diskName(volume: string): string {
  return volume.slice(volume.lastIndexOf("_") + 1);
}

/** Why a sandbox did not get its disks, for the client; an error that has nothing to do with them is returned as it is. */
export async function disksRefusal(
  { disks }: StorageContext,
  organisation: string,
  attached: readonly AttachedDisk[],
  error: unknown,
): Promise<unknown> {
  if (attached.length === 0) return error;
  if (error instanceof UniqueViolation || error instanceof NothingChanged) {
    for (const { disk, slug, exclusive } of attached) {
      const kind = exclusive ? "volume" : "snapshot";
      const record = await disks.find(organisation, kind, disk);
      // Others may use a snapshot, too.
      const refusal = !record ? notFound(kind, slug) : exclusive ? await inUse(disks, record) : null;
      if (refusal) return refusal;
    }
    return new ApiError("CHANGED_MEANWHILE");
  }
  if (error instanceof GuestError)
    return new ApiError("INVALID_CONFIG", `A volume cannot be mounted: ${error.message}.`);
  return storageFailure(error);
}
