import type { Logger } from "@sandkeep/common";
import type { JailKind } from "@sandkeep/jail";
import type { LiveVolume } from "./holders.ts";

export interface LocalStorageOptions {
  dir: string;
  /** Id of the image that `null` stands for. */
  defaultImage: string;
  /** Path of an image's disk; undefined if there is no such image. */
  findImageDisk(id: string): Promise<string | undefined>;
  /** The largest disk that a machine of this host can have, in bytes; by default, any. */
  mostDiskBytes?: number;
  /** Called when a disk is removed, before its files are. */
  onRemoval?: (id: string) => Promise<void>;
  jail: JailKind;
  log: Logger;
}

/** The files of a disk. */
export interface DiskFiles {
  /** Paths of its layers, from the bottom up. */
  layers: string[];
  /** Size of the device. */
  bytes: number;
}

export interface AttachOptions {
  machine: string;
  readOnly: boolean;
  /** Whether it is to be the machine's root. */
  root?: boolean;
  /**
   * Gives the machine the volume. If it fails, the machine does not have it.
   *
   * @param marked resolves when it is on record that the volume is written; before that, it must not be. If it rejects,
   * the machine must not have it.
   */
  open(files: DiskFiles, marked: Promise<void>): Promise<LiveVolume>;
}

/** The root of a machine that runs. */
export interface LayersToKeep {
  /** The image whose disk is the first layer; null if it is not an image's. */
  image: string | null;
  /** Paths, from the bottom up. The last one is the machine's own. */
  layers: readonly string[];
  capacityBytes: number;
  /** Completes the file system; when this resolves, the machine writes the last layer no more. */
  freeze(): Promise<void>;
}
