import type { Snapshot } from "../../volumes/snapshot.ts";
import type { Volume } from "../../volumes/volume.ts";
import type { ListOptions, PaginatedList } from "./common.ts";

/** Id of a volume. */
export type VolumeId = string;
/** Name of a volume for people; volumes and snapshots of an organisation share one set of names. */
export type VolumeSlug = string;
/** Id of a snapshot. */
export type SnapshotId = string;
/** Name of a snapshot for people; volumes and snapshots of an organisation share one set of names. */
export type SnapshotSlug = string;

/** A new volume. */
export interface VolumeInit {
  /**
   * Its name: 2 to 32 lowercase letters, digits and hyphens, no hyphen at either end, and not two of them in third and fourth
   * place. No other volume and no snapshot of the organisation may have it.
   */
  slug: string;
  /** Region to make it in, such as `"ord"`. */
  region: string;
  /** Its size: a number of bytes, or a number with a unit (`GB` is 1000³ bytes, `GiB` 1024³). */
  capacity: number | `${number}GB` | `${number}MB` | `${number}kB` | `${number}GiB` | `${number}MiB` | `${number}KiB`;
  /**
   * What it begins with: `"builtin:debian-13"`, or a snapshot of the same region, by id or slug. It can then be booted from.
   * It shares what it begins with until it changes it, and only takes up space for what differs. Empty when absent.
   */
  from?: "builtin:debian-13" | SnapshotId | SnapshotSlug;
}

/** Which volumes to list. */
export interface VolumeListOptions extends ListOptions {
  /** Text to search for. */
  search?: string;
}

/** A new snapshot. */
export interface SnapshotInit {
  /** Its name, under the rules of {@linkcode VolumeInit.slug}. */
  slug: string;
}

/** Which snapshots to list. */
export interface SnapshotListOptions extends ListOptions {
  /** Text to search for. */
  search?: string;
}

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
