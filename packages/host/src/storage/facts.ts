/** Figures of a disk, from what its files use. */
import type { DiskFacts } from "../contract.ts";
import type { Layers } from "./layers.ts";
import type { DiskRecord } from "./record.ts";

export interface Surroundings {
  layers: Layers;
  /** Whether another disk has this layer too. */
  isShared(layer: string): boolean;
  /** The machine that has the disk. */
  machine: string | null;
}

export async function diskFacts(record: DiskRecord, { layers, isShared, machine }: Surroundings): Promise<DiskFacts> {
  const sizes = await Promise.all(record.layers.map((name) => layers.allocatedBytes(name).catch(() => 0)));
  const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
  const shared = record.layers.slice(0, -1).map((name, n) => (isShared(name) ? sizes[n]! : 0));
  return {
    capacityBytes: record.capacityBytes,
    allocatedBytes: total - shared.reduce((sum, bytes) => sum + bytes, 0),
    flattenedBytes: Math.min(total, record.capacityBytes),
    bootable: record.bootable,
    machine,
  };
}
