/** The part of the host's contract about disks that outlive machines. */
import type { Readable } from "node:stream";

/** What a new volume contains, or where it is. */
export interface VolumeSpec {
  /** Chosen by the control plane, unique among the disks of this host: letters, digits, `_`, `-` and `.`, at most 128. */
  id: string;
  capacityBytes: number;
  /** Default: an empty ext4 file system that belongs to the user `app`. Image null: that of the host's default root. */
  from?: { image: string | null } | { snapshot: string };
}

/** The whole content of a disk in one qcow2 file, which needs no other. */
export interface DiskFile {
  /** Its length. */
  bytes: number;
  data: Readable;
}

/** A volume that is made from a file. */
export interface ImportSpec extends Pick<VolumeSpec, "id" | "capacityBytes"> {
  /** Whether a machine can have it as its root. */
  bootable: boolean;
}

export interface DiskFacts {
  /** As the guest sees it. */
  capacityBytes: number;
  /** What only this disk uses on the host, in bytes. */
  allocatedBytes: number;
  /** What it would use if it shared nothing with other disks, in bytes; an estimate from above. */
  flattenedBytes: number;
  /** Whether a machine can have it as its root. */
  bootable: boolean;
  /** The machine that has it. */
  machine: string | null;
}

/** One result of {@link Storage.verify}. */
export interface DiskFinding {
  /** The disk; null: a file that belongs to none. */
  disk: string | null;
  /**
   * `fine`; `leak`: space that no data uses, which the next use of the disk frees; `damaged`: data is missing or wrong;
   * `orphan`: a file that no disk refers to, which the next start removes; `busy`: not checked, because a machine has it,
   * or the computer is too busy.
   */
  state: "fine" | "leak" | "damaged" | "orphan" | "busy";
  /** For people. */
  detail: string;
}

/**
 * Disks that outlive machines: volumes, and snapshots, which never change. What a promise confirms survives a power cut.
 * All throw {@link DiskError}.
 */
export interface Storage {
  createVolume(spec: VolumeSpec): Promise<DiskFacts>;
  /**
   * Makes a snapshot of a volume in a time that does not depend on its size. A volume that a machine has is frozen for a
   * moment, and its file system is consistent in the snapshot.
   */
  snapshotVolume(volume: string, snapshot: string): Promise<DiskFacts>;
  /** Also while a machine has it mounted. The file system grows with it, at the next mount at the latest. */
  grow(volume: string, capacityBytes: number): Promise<DiskFacts>;
  facts(id: string): Promise<DiskFacts>;
  /**
   * Copies the content of a snapshot, for another host or as a backup. Whoever gets it reads it or destroys it.
   *
   * @param signal gives up
   */
  exportSnapshot(id: string, signal?: AbortSignal): Promise<DiskFile>;
  /**
   * Makes a volume from what a host has exported. Nothing is left if its stream fails or ends too early, or if it is not
   * what it must be: anybody may have made it.
   */
  importVolume(spec: ImportSpec, file: DiskFile): Promise<DiskFacts>;
  /** Removes a disk, if it exists; refused while a machine has it. Other disks keep what they share with it. */
  remove(id: string): Promise<void>;
  /** Ids of all disks. */
  list(): Promise<string[]>;
  /** Checks every disk, one after another. */
  verify(): AsyncIterable<DiskFinding>;
}

export type DiskErrorCode =
  /** The request violates the contract: an id, a capacity, a mount. */
  | "INVALID_DISK"
  /** The host, or the machine, has no such disk. */
  | "UNKNOWN_DISK"
  /** The id is taken. */
  | "DISK_EXISTS"
  /** A machine has the volume; the message names it. */
  | "DISK_IN_USE"
  /** It is a snapshot, and only a volume can do this; or the other way round. */
  | "WRONG_KIND"
  | "NOT_BOOTABLE"
  /** The capacity is less than the content needs, or than it was. */
  | "TOO_SMALL"
  /** The capacity is more than a disk on this host can have. */
  | "TOO_LARGE"
  /** The machine has as many disks as it can have. */
  | "TOO_MANY_DISKS"
  /** The disk has as many layers as it can have: one for each snapshot, until they are merged. */
  | "TOO_MANY_LAYERS"
  /** The host's disk is full. */
  | "NO_SPACE"
  /** A file to import is not one that a host has exported from a disk of that capacity. */
  | "INVALID_FILE"
  /** The disk must be checked before it is used, and the computer is too busy for that. */
  | "NOT_CHECKED"
  /** Files of the disk are missing or are not what they must be. */
  | "DAMAGED_DISK";

/** An operation on a disk failed; the message says which disk, why, and what to do. */
export class DiskError extends Error {
  override name = "DiskError";
  readonly code: DiskErrorCode;

  constructor(code: DiskErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
