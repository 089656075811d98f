import type { Rest } from "../rest/rest.ts";
import { path } from "../rest/rest.ts";
import type { SnapshotId, SnapshotInit, SnapshotSlug, VolumeId, VolumeInit, VolumeSlug } from "./types.ts";

/** A volume as the API describes it; sizes in bytes. */
export interface VolumeData {
  id: string;
  slug: string;
  region: string;
  capacity: number;
  estimated_allocated_size: number;
  estimated_flattened_size: number;
  is_bootable: boolean;
  base_snapshot: { id: SnapshotId; slug: SnapshotSlug } | null;
}

/** A snapshot as the API describes it; sizes in bytes. */
export interface SnapshotData {
  id: string;
  slug: string;
  region: string;
  allocated_size: number;
  flattened_size: number;
  is_bootable: boolean;
  volume: { id: VolumeId; slug: VolumeSlug };
}

/** Creates a volume. Sends only the fields of a volume, because `init` may also contain a token. */
export function createVolume(rest: Rest, { slug, region, capacity, from }: VolumeInit): Promise<VolumeData> {
  return rest.json("POST", "/api/v2/volumes", { body: { slug, region, capacity, from } });
}

/** Gets a volume by id or slug. */
export function getVolume(rest: Rest, idOrSlug: string): Promise<VolumeData | null> {
  return rest.jsonOrNull("GET", path`/api/v2/volumes/${idOrSlug}`);
}

/** Takes a snapshot of a volume. */
export function snapshotVolume(rest: Rest, idOrSlug: string, { slug }: SnapshotInit): Promise<SnapshotData> {
  return rest.json("POST", path`/api/v2/volumes/${idOrSlug}/snapshot`, { body: { slug } });
}

/** Takes a snapshot of a running sandbox's disk. */
export function snapshotSandbox(rest: Rest, id: string, { slug }: SnapshotInit): Promise<SnapshotData> {
  return rest.json("POST", path`/api/v1/sandboxes/${id}/snapshot`, { body: { slug } });
}

/** Gets a snapshot by id or slug. */
export function getSnapshot(rest: Rest, idOrSlug: string): Promise<SnapshotData | null> {
  return rest.jsonOrNull("GET", path`/api/v2/snapshots/${idOrSlug}`);
}
