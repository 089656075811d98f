import { type DiskSpec, GuestError, type Host } from "@sandkeep/host";
import { ApiError, type Mount, type SandboxConfig } from "@sandkeep/protocol";
import { type AttachedDisk, type DiskRecord, NothingChanged, UniqueViolation } from "@sandkeep/store";
import type { StorageContext } from "./context.ts";
import { findDisk, inUse, notFound, storageFailure } from "./failures.ts";

/** The disks of a new sandbox. */
export interface SandboxDisks {
  /** The host that has them; null: any. */
  host: Host | null;
  /** Besides the root, for its machine. */
  specs: DiskSpec[];
  /** For the store. */
  attached: AttachedDisk[];
}

export const NO_DISKS: SandboxDisks = { host: null, specs: [], attached: [] };

/**
 * Finds the volumes that a configuration names.
 *
 * @throws {ApiError} `VOLUME_NOT_FOUND`, `REGION_MISMATCH`, `INVALID_CONFIG`
 */
export async function sandboxDisks(
  context: StorageContext,
  sandbox: string,
  organisation: string,
  { volumes }: Pick<SandboxConfig, "volumes">,
): Promise<SandboxDisks> {
  if (volumes.length === 0) return NO_DISKS;
  const found = await Promise.all(
    volumes.map(async (mount) => ({
      mount,
      disk: await findDisk(context.disks, organisation, "volume", mount.volume),
    })),
  );
  const [first] = found;
  for (const [at, { disk }] of found.entries()) {
    checkRegion(context, disk);
    if (found.findIndex((other) => other.disk.id === disk.id) < at)
      throw new ApiError("INVALID_CONFIG", `The volume ${disk.slug} is mounted twice.`);
    if (disk.host !== first!.disk.host)
      throw new ApiError(
        "INVALID_CONFIG",
        `The volumes ${first!.disk.slug} and ${disk.slug} are on different computers.`,
      );
  }
  const host = context.hosts.get(first!.disk.host);
  if (!host)
    throw new ApiError(
      "HOST_NOT_READY",
      `The volume ${first!.disk.slug} is on a computer that this server does not use.`,
    );
  await context.holders.settle(found.map(({ disk }) => disk.id));
  return {
    host,
    specs: found.map(({ mount, disk }) => diskSpec(disk, mount)),
    attached: found.map(({ mount: { path, readOnly }, disk: { id, slug } }) => ({
      sandbox,
      disk: id,
      slug,
      path,
      readOnly,
      exclusive: true,
    })),
  };
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
    for (const { disk, slug } of attached) {
      const record = await disks.find(organisation, "volume", disk);
      const refusal = record ? await inUse(disks, record) : notFound("volume", slug);
      if (refusal) return refusal;
    }
    return new ApiError("CHANGED_MEANWHILE");
  }
  if (error instanceof GuestError)
    return new ApiError("INVALID_CONFIG", `A volume cannot be mounted: ${error.message}.`);
  return storageFailure(error);
}
