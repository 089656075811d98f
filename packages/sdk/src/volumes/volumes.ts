import type { PaginatedList } from "../rest/pagination.ts";
import type { Snapshot } from "./snapshot.ts";
import type {
  SnapshotId,
  SnapshotInit,
  SnapshotListOptions,
  SnapshotSlug,
  VolumeId,
  VolumeInit,
  VolumeListOptions,
  VolumeSlug,
} from "./types.ts";
import type { Volume } from "./volume.ts";

/**
 * The volumes of an organisation. Methods reject with `ApiError` and `NetworkError`.
 *
 * @example
 * ```ts ignore
 * import { Client } from "sandkeep";
 *
 * const volume = await new Client().volumes.create({ slug: "my-data", region: "ord", capacity: "2GiB" });
 * console.log(volume.id);
 * ```
 */
export interface Volumes {
  /** Gets a volume by id or slug; null when there is none. */
  get(idOrSlug: VolumeId | VolumeSlug): Promise<Volume | null>;
  /** Lists the volumes. */
  list(opts?: VolumeListOptions): Promise<PaginatedList<Volume>>;
  /** Creates a volume. */
  create(init: VolumeInit): Promise<Volume>;
  /** Deletes a volume. */
  delete(idOrSlug: VolumeId | VolumeSlug): Promise<void>;
  /** Takes a snapshot of a volume, in the same region. No sandbox may have the volume attached. */
  snapshot(idOrSlug: VolumeId | VolumeSlug, init: SnapshotInit): Promise<Snapshot>;
}

/**
 * The snapshots of an organisation. Methods reject with `ApiError` and `NetworkError`.
 *
 * @example
 * ```ts ignore
 * import { Client } from "sandkeep";
 *
 * for await (const snapshot of await new Client().snapshots.list()) console.log(snapshot.slug);
 * ```
 */
export interface Snapshots {
  /** Gets a snapshot by id or slug; null when there is none. */
  get(idOrSlug: SnapshotId | SnapshotSlug): Promise<Snapshot | null>;
  /** Lists the snapshots. */
  list(opts?: SnapshotListOptions): Promise<PaginatedList<Snapshot>>;
  /** Deletes a snapshot. */
  delete(idOrSlug: SnapshotId | SnapshotSlug): Promise<void>;
}
