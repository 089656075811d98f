import { Inspectable, inspectable } from "../inspect.ts";
import { PRIVATE, requirePrivate } from "../private.ts";
import { restFor } from "../rest/rest.ts";
import type { BaseClientOptions } from "../rest/settings.ts";
import type { SnapshotData } from "./calls.ts";
import { getSnapshot, snapshotVolume } from "./calls.ts";
import type { SnapshotId, SnapshotInit, SnapshotSlug, VolumeId, VolumeSlug } from "./types.ts";

/** Wraps a response of the API. */
export function toSnapshot(data: SnapshotData): Snapshot {
  return new Snapshot(PRIVATE, data);
}

/**
 * The content of a volume at one point in time. Any number of sandboxes can start from it; none can change it.
 *
 * @example
 * ```ts
 * import { Client, Sandbox, Snapshot, Volume } from "sandkeep";
 *
 * const volume = await Volume.create({ slug: "my-root", region: "ord", capacity: "10GB", from: "builtin:debian-13" });
 * const snapshot = await Snapshot.create(volume.slug, { slug: "with-tools" });
 * {
 *   await using sandbox = await Sandbox.create({ root: snapshot.slug });
 *   await sandbox.sh`true`;
 * }
 * const { snapshots, volumes } = new Client();
 * await snapshots.delete(snapshot.id);
 * await volumes.delete(volume.id);
 * ```
 */
export class Snapshot extends Inspectable {
  readonly #data: SnapshotData;

  /** Takes a snapshot of a volume; see {@linkcode Volumes.snapshot}. */
  static async create(idOrSlug: VolumeId | VolumeSlug, options: SnapshotInit & BaseClientOptions): Promise<Snapshot> {
    return toSnapshot(await snapshotVolume(restFor(options), idOrSlug, options));
  }

  /** Gets a snapshot by id or slug; null when there is none. See {@linkcode Snapshots.get}. */
  static async get(idOrSlug: SnapshotId | SnapshotSlug, options?: BaseClientOptions): Promise<Snapshot | null> {
    const data = await getSnapshot(restFor(options), idOrSlug);
    return data && toSnapshot(data);
  }

  /** @internal */
  constructor(key: symbol, data: SnapshotData) {
    super();
    requirePrivate(key, "Snapshot", "Snapshot.create()");
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

  /** Disk space that it uses by itself, in bytes: less than its content if it shares data with an earlier snapshot. */
  get allocatedSize(): number {
    return this.#data.allocated_size;
  }

  /** Disk space that it would use if it shared nothing, in bytes. */
  get flattenedSize(): number {
    return this.#data.flattened_size;
  }

  /** Whether a sandbox can use it as its root. */
  get isBootable(): boolean {
    return this.#data.is_bootable;
  }

  /** The volume that it was taken from. */
  get volume(): { id: VolumeId; slug: VolumeSlug } {
    return this.#data.volume;
  }

  static {
    inspectable(Snapshot, "Snapshot", ({ id, slug, region, allocatedSize, flattenedSize }) => ({
      id,
      slug,
      region,
      allocatedSize,
      flattenedSize,
    }));
  }
}
