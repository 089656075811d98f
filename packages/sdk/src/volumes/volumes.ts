import type { PaginatedList } from "../rest/pagination.ts";
import type { Snapshot } from "./snapshot.ts";
import type {
  DeleteOptions,
  DiskContent,
  RestoreOptions,
  SnapshotId,
  SnapshotInit,
  SnapshotListOptions,
  SnapshotSlug,
  VolumeId,
  VolumeImportInit,
  VolumeInit,
  VolumeListOptions,
  VolumeSlug,
} from "./types.ts";
import type { Volume } from "./volume.ts";

/**
 * The volumes of an organisation. Methods reject with `ApiError` and `NetworkError`.
 *
 * @example
 * ```ts
 * import { Client } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * const { volumes } = new Client();
 * const { id } = await volumes.create({ slug: "growing", region: "ord", capacity: "1GiB" });
 * assert.equal((await volumes.grow(id, "2GiB")).capacity, 2 ** 31);
 * await volumes.delete(id);
 * await volumes.restore(id);
 * await volumes.delete(id, { now: true });
 * ```
 */
export interface Volumes {
  /** Gets a volume by id or slug; null when there is none. */
  get(idOrSlug: VolumeId | VolumeSlug): Promise<Volume | null>;
  /** Lists the volumes. */
  list(opts?: VolumeListOptions): Promise<PaginatedList<Volume>>;
  /** Creates a volume. */
  create(init: VolumeInit): Promise<Volume>;
  /**
   * Deletes a volume: its slug is free at once, and it can be restored for a day. Sandkeep's own: `{ now: true }` removes its
   * data at once, also that of a volume that was deleted before, which must be named by its id.
   */
  delete(idOrSlug: VolumeId | VolumeSlug, options?: DeleteOptions): Promise<void>;
  /** Takes a snapshot of a volume, in the same region. */
  snapshot(idOrSlug: VolumeId | VolumeSlug, init: SnapshotInit): Promise<Snapshot>;
  /** Sandkeep's own: makes a volume larger, also while a sandbox uses it. */
  grow(idOrSlug: VolumeId | VolumeSlug, capacity: VolumeInit["capacity"]): Promise<Volume>;
  /**
   * Sandkeep's own: creates a volume from an exported file, of this server or another one; see {@linkcode Snapshots.export}.
   * It has the exported capacity. Rejects with `INVALID_DISK_FILE`, and leaves nothing, if the file was changed or cut off.
   */
  import(file: DiskContent, init: VolumeImportInit): Promise<Volume>;
  /** Sandkeep's own: restores a deleted volume, with another slug if its own has been taken. */
  restore(idOrSlug: VolumeId | VolumeSlug, options?: RestoreOptions): Promise<Volume>;
}

/**
 * The snapshots of an organisation. Methods reject with `ApiError` and `NetworkError`.
 *
 * @example
 * ```ts
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
  /** Deletes a snapshot; see {@linkcode Volumes.delete}. Rejects with `SNAPSHOT_IN_USE` if something depends on it. */
  delete(idOrSlug: SnapshotId | SnapshotSlug, options?: DeleteOptions): Promise<void>;
  /**
   * Sandkeep's own: the content of a snapshot as one compressed file, for a backup or another server; see
   * {@linkcode Volumes.import}.
   *
   * @example
   * ```ts
   * import { Client } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * const { volumes, snapshots } = new Client();
   * const volume = await volumes.create({ slug: "saved", region: "ord", capacity: "300MB" });
   * const snapshot = await volumes.snapshot(volume.id, { slug: "saved-1" });
   * const copy = await volumes.import(await snapshots.export(snapshot.id), { slug: "saved-copy" });
   * assert.equal(copy.capacity, volume.capacity);
   * await volumes.delete(copy.id);
   * ```
   */
  export(idOrSlug: SnapshotId | SnapshotSlug): Promise<ReadableStream<Uint8Array>>;
  /** Sandkeep's own: restores a deleted snapshot, with another slug if its own has been taken. */
  restore(idOrSlug: SnapshotId | SnapshotSlug, options?: RestoreOptions): Promise<Snapshot>;
}
