import { Inspectable, inspectable } from "../inspect.ts";
import { PRIVATE, requirePrivate } from "../private.ts";
import { restFor } from "../rest/rest.ts";
import type { BaseClientOptions } from "../rest/settings.ts";
import type { VolumeData } from "./calls.ts";
import { createVolume, getVolume } from "./calls.ts";
import type { SnapshotId, SnapshotSlug, VolumeId, VolumeInit, VolumeSlug } from "./types.ts";

/** Wraps a response of the API. */
export function toVolume(data: VolumeData): Volume {
  return new Volume(PRIVATE, data);
}

/**
 * A disk that outlives sandboxes and can be attached to one of them at a time.
 *
 * @example
 * ```ts
 * import { Client, Sandbox, Volume } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * const volume = await Volume.create({ slug: "my-data", region: "ord", capacity: "2GiB" });
 * {
 *   await using sandbox = await Sandbox.create({ volumes: { "/data": volume.slug } });
 *   await sandbox.fs.writeTextFile("/data/kept.txt", "still here next time");
 * }
 * {
 *   await using sandbox = await Sandbox.create({ volumes: { "/data": { volume: volume.slug, readOnly: true } } });
 *   assert.equal(await sandbox.fs.readTextFile("/data/kept.txt"), "still here next time");
 * }
 * await new Client().volumes.delete(volume.id);
 * ```
 */
export class Volume extends Inspectable {
  readonly #data: VolumeData;

  /** Creates a volume; see {@linkcode Volumes.create}. */
  static async create(options: VolumeInit & BaseClientOptions): Promise<Volume> {
    return toVolume(await createVolume(restFor(options), options));
  }

  /** Gets a volume by id or slug; null when there is none. See {@linkcode Volumes.get}. */
  static async get(idOrSlug: VolumeId | VolumeSlug, options?: BaseClientOptions): Promise<Volume | null> {
    const data = await getVolume(restFor(options), idOrSlug);
    return data && toVolume(data);
  }

  /** @internal */
  constructor(key: symbol, data: VolumeData) {
    super();
    requirePrivate(key, "Volume", "Volume.create()");
    this.#data = data;
  }

  /** Its id, which never changes. */
  get id(): string {
    return this.#data.id;
  }

  /** Its name. */
  get slug(): string {
    return this.#data.slug;
  }

  /** Its region. */
  get region(): string {
    return this.#data.region;
  }

  /** Its size, in bytes. */
  get capacity(): number {
    return this.#data.capacity;
  }

  /**
   * Disk space that it uses by itself, in bytes: less than its content if it was created from a snapshot. An estimate that
   * may be minutes old.
   */
  get estimatedAllocatedSize(): number {
    return this.#data.estimated_allocated_size;
  }

  /** Disk space that it would use if it shared nothing with a snapshot, in bytes. An estimate that may be minutes old. */
  get estimatedFlattenedSize(): number {
    return this.#data.estimated_flattened_size;
  }

  /** Whether a sandbox can use it as its root. */
  get isBootable(): boolean {
    return this.#data.is_bootable;
  }

  /** The snapshot that it was created from; null if there is none. */
  get baseSnapshot(): { id: SnapshotId; slug: SnapshotSlug } | null {
    return this.#data.base_snapshot;
  }

  static {
    inspectable(Volume, "Volume", ({ id, slug, region, capacity, estimatedAllocatedSize, estimatedFlattenedSize }) => ({
      id,
      slug,
      region,
      capacity,
      estimatedAllocatedSize,
      estimatedFlattenedSize,
    }));
  }
}
