/** What is known about a disk: its record, one small file for each disk. */
import { z } from "zod";
import { DiskError } from "../contract.ts";

/** A layer's file name without extension: random, or an image's. */
export const LAYER_NAME = /^(?:[0-9a-f]{32}|image-[a-z0-9][a-z0-9.-]{0,127})$/;

/**
 * Layers of a disk, with the one that is written: what a machine opens is bounded by its open files, and every read may
 * look at all of them.
 */
export const MAX_LAYERS = 48;
/** Layers that a record may name; its file is refused if it is longer than 64 KiB. */
const MAX_NAMED_LAYERS = 1_024;

export const recordSchema = z.strictObject({
  format: z.literal(1),
  kind: z.enum(["volume", "snapshot"]),
  /** As it was requested; see {@link deviceBytes}. */
  capacityBytes: z.number().int().positive(),
  bootable: z.boolean(),
  /**
   * Bottom first. The last one of a volume is its own, and the only one that is ever written. Every other layer, and all
   * of a snapshot, never change, and any number of disks may have them.
   */
  layers: z.array(z.string().regex(LAYER_NAME)).min(1).max(MAX_NAMED_LAYERS),
  /**
   * Whether a machine may have written to it that did not end properly: such a disk is repaired before its next use.
   */
  unclean: z.boolean(),
});

export type DiskRecord = z.infer<typeof recordSchema>;

/** Sizes of devices are multiples of this, in bytes: a block of the guest's file system. */
export const BLOCK_BYTES = 4096;

/** Size of the device that a guest sees. */
export function deviceBytes(capacityBytes: number): number {
  return Math.ceil(capacityBytes / BLOCK_BYTES) * BLOCK_BYTES;
}

/** The layers that a disk's machine cannot write to: all of a snapshot's, all but the last of a volume's. */
export function frozenLayers({ kind, layers }: DiskRecord): string[] {
  return kind === "snapshot" ? layers : layers.slice(0, -1);
}

/** @throws {DiskError} `NOT_BOOTABLE` */
export function requireBootable(id: string, { bootable }: Pick<DiskRecord, "bootable">): void {
  if (!bootable)
    throw new DiskError("NOT_BOOTABLE", `${id} was not made from an image: a machine cannot have it as its root.`);
}
