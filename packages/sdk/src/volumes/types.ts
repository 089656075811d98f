import type { ListOptions } from "../rest/pagination.ts";

/** Id of a volume. */
export type VolumeId = string;
/** Human-readable name of a volume. Volumes and snapshots of an organisation share one namespace. */
export type VolumeSlug = string;
/** Id of a snapshot. */
export type SnapshotId = string;
/** Human-readable name of a snapshot. Volumes and snapshots of an organisation share one namespace. */
export type SnapshotSlug = string;

/** A new volume. */
export interface VolumeInit {
  /**
   * Its name: 2 to 32 lowercase letters, digits and hyphens, without a hyphen at either end or two hyphens in third and
   * fourth place. No other volume or snapshot of the organisation may have it.
   */
  slug: string;
  /** Region to create it in, such as `"ord"`. */
  region: string;
  /** Its size: a number of bytes, or a number with a unit (`GB` is 1000³ bytes, `GiB` 1024³). */
  capacity: number | `${number}GB` | `${number}MB` | `${number}kB` | `${number}GiB` | `${number}MiB` | `${number}KiB`;
  /**
   * Its initial content: `"builtin:debian-13"`, or a snapshot in the same region, by id or slug. Such a volume is bootable.
   * It shares the initial content and only uses disk space for what differs. Without this, the volume is empty.
   */
  from?: "builtin:debian-13" | SnapshotId | SnapshotSlug;
}

/** An exported file. */
export type DiskContent = Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

/** A volume that is made from an exported file. */
export interface VolumeImportInit {
  /** Its name, under the rules of {@linkcode VolumeInit.slug}. */
  slug: string;
  /**
   * Region to create it in.
   *
   * @default {the server's}
   */
  region?: string;
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

/** How to delete a volume or snapshot. */
export interface DeleteOptions {
  /**
   * Remove its data at once: it cannot be restored.
   *
   * @default {false}
   */
  now?: boolean;
}

/** How to restore a volume or snapshot. */
export interface RestoreOptions {
  /** Its new slug; by default the one that it had. */
  slug?: string;
}
