import type { PaginatedList } from "../rest/pagination.ts";
import type { Snapshot } from "../volumes/snapshot.ts";
import type {
  SnapshotId,
  SnapshotInit,
  SnapshotListOptions,
  SnapshotSlug,
  VolumeId,
  VolumeInit,
  VolumeListOptions,
  VolumeSlug,
} from "../volumes/types.ts";
import type { Volume } from "../volumes/volume.ts";

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
  /** A volume by id or slug; null when there is none. */
  get(idOrSlug: VolumeId | VolumeSlug): Promise<Volume | null>;
  /** The volumes. */
  list(opts?: VolumeListOptions): Promise<PaginatedList<Volume>>;
  /** Makes a volume. */
  create(init: VolumeInit): Promise<Volume>;
  /** Removes a volume. */
  delete(idOrSlug: VolumeId | VolumeSlug): Promise<void>;
  /** Freezes what is on a volume, which no sandbox may have attached, as a snapshot in the same region. */
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
  /** A snapshot by id or slug; null when there is none. */
  get(idOrSlug: SnapshotId | SnapshotSlug): Promise<Snapshot | null>;
  /** The snapshots. */
  list(opts?: SnapshotListOptions): Promise<PaginatedList<Snapshot>>;
  /** Removes a snapshot. */
  delete(idOrSlug: SnapshotId | SnapshotSlug): Promise<void>;
}
