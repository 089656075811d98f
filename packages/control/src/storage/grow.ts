import { ApiError } from "@sandkeep/protocol";
import { type DiskRecord, NothingChanged } from "@sandkeep/store";
import type { Principal } from "../auth/authenticator.ts";
import { type StorageContext, storageOf } from "./context.ts";
import { checkCapacity, tooMuch } from "./create.ts";
import { changeFailure, findDisk, notFound } from "./failures.ts";

/**
 * Makes a volume larger, also while a sandbox uses it. The capacity that it has already is accepted, so that a request can
 * be repeated.
 *
 * @throws {ApiError}
 */
export async function growVolume(
  context: StorageContext,
  idOrSlug: string,
  capacity: number,
  principal: Principal,
): Promise<DiskRecord> {
  const { organisation } = principal;
  const { id } = await findDisk(context.disks, organisation.id, "volume", idOrSlug);
  return await context.growing.run(id, () => grow(context, id, capacity, principal));
}

async function grow(
  context: StorageContext,
  id: string,
  capacity: number,
  { organisation, actor }: Principal,
): Promise<DiskRecord> {
  const { disks, events, limits } = context;
  const volume = await findDisk(disks, organisation.id, "volume", id);
  if (capacity < volume.capacityBytes)
    throw new ApiError(
      "INVALID_REQUEST",
      `The volume ${volume.slug} has ${volume.capacityBytes} bytes, and a volume can only grow.`,
    );
  checkCapacity(context, capacity);
  const storage = storageOf(context, volume);
  try {
    await disks.setCapacity(volume.id, capacity, { bytes: limits.bytesPerOrganisation });
  } catch (error) {
    if (!(error instanceof NothingChanged)) throw error;
    if (!(await disks.find(organisation.id, "volume", volume.id))) throw notFound("volume", volume.slug);
    throw tooMuch((await disks.usage(organisation.id)).bytes, limits.bytesPerOrganisation);
  }
  const subject = { organisation, sandbox: null, actor };
  const data = { volume: volume.id, slug: volume.slug, capacity };
  try {
    const { capacityBytes } = await context.holders.outliving([volume.id], () => storage.grow(volume.id, capacity));
    events.publish(subject, { kind: "volume.grown", outcome: "ok", data });
    return { ...volume, capacityBytes };
  } catch (cause) {
    // The host may have grown it before it failed, for example because the guest could not enlarge the file system. What
    // is not known stays reserved.
    const actual = await storage.facts(volume.id).then(
      ({ capacityBytes }) => capacityBytes,
      () => capacity,
    );
    await disks.correctCapacity(volume.id, capacity, actual);
    const error = await changeFailure(disks, volume, cause);
    const code = error instanceof ApiError ? error.code : "INTERNAL";
    events.publish(subject, { kind: "volume.grown", outcome: "failed", data: { ...data, error: code } });
    throw error;
  }
}
