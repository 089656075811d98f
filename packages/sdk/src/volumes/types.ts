import type { ListOptions } from "../rest/pagination.ts";

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
