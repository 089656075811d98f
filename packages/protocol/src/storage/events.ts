import { z } from "zod";

const volume = { volume: z.string(), slug: z.string() };
const snapshot = { snapshot: z.string(), slug: z.string() };
/** Code of the error, if it failed. */
const error = z.string().optional();

/** Data of the events about volumes and snapshots, by kind. */
export const storageEventShapes = {
  "volume.created": {
    ...volume,
    capacity: z.number(),
    /** Image, id of a snapshot, or `file`: imported. */
    from: z.string().nullable(),
    error,
  },
  "volume.grown": { ...volume, capacity: z.number(), error },
  /** `path` null: as the root. */
  "volume.attached": { ...volume, path: z.string().nullable(), readOnly: z.boolean(), error },
  "volume.detached": { ...volume, path: z.string().nullable(), error },
  /** Its data is kept until `removedAtMs`. */
  "volume.deleted": { ...volume, removedAtMs: z.number() },
  "volume.restored": volume,
  /** Its data is gone. */
  "volume.removed": volume,
  /** `volume` is the id of what it was taken from. */
  "snapshot.created": { ...snapshot, volume: z.string(), error },
  /** Its content was requested as a file. */
  "snapshot.exported": snapshot,
  "snapshot.deleted": { ...snapshot, removedAtMs: z.number() },
  "snapshot.restored": snapshot,
  "snapshot.removed": snapshot,
} as const;
