import { z } from "zod";
import { NAME_LENGTH } from "../limits.ts";
import { slugSchema } from "../slug.ts";
import { capacitySchema } from "./capacity.ts";
import { mountSchema } from "./mounts.ts";

const reference = z.object({ id: z.string(), slug: z.string() });

/** A volume as the official clients expect it: exactly these keys (wire-protocol §10). */
export const volumeSchema = z.object({
  id: z.string(),
  slug: z.string(),
  region: z.string(),
  /** Bytes, as all sizes. */
  capacity: z.number(),
  /** What it occupies by itself. */
  estimated_allocated_size: z.number(),
  /** What it would occupy if it shared nothing. */
  estimated_flattened_size: z.number(),
  is_bootable: z.boolean(),
  /** The snapshot that it was created from. */
  base_snapshot: reference.nullable(),
});
export type Volume = z.infer<typeof volumeSchema>;

/** A snapshot as the official clients expect it. */
export const snapshotSchema = z.object({
  id: z.string(),
  slug: z.string(),
  region: z.string(),
  allocated_size: z.number(),
  flattened_size: z.number(),
  is_bootable: z.boolean(),
  /** What it was taken from. */
  volume: reference,
});
export type Snapshot = z.infer<typeof snapshotSchema>;

/** Where a volume is in use. */
export const attachmentSchema = z.object({
  sandbox: z.string(),
  /** Null: as its root. */
  path: z.string().nullable(),
  readOnly: z.boolean(),
});

const details = {
  /** ISO 8601. */
  createdAt: z.string(),
  /** `deleted`: its data is kept until `removedAt`, and it can be restored. */
  state: z.enum(["ready", "deleted"]),
  deletedAt: z.string().nullable(),
  removedAt: z.string().nullable(),
};

/** A volume with everything that Sandkeep stores about it. */
export const volumeDetailSchema = volumeSchema.extend({ ...details, attachment: attachmentSchema.nullable() });
export type VolumeDetail = z.infer<typeof volumeDetailSchema>;

/** A snapshot with everything that Sandkeep stores about it. */
export const snapshotDetailSchema = snapshotSchema.extend({ ...details, capacity: z.number() });
export type SnapshotDetail = z.infer<typeof snapshotDetailSchema>;

/** A new name of a volume or snapshot. Those of revisions of apps are for the server to give. */
export const diskSlugSchema = slugSchema.refine(
  (slug) => !/^rev-[a-z0-9]{12}$/.test(slug),
  "rev- and 12 letters and digits is the name of a revision's disk",
);

const idOrSlug = z.string().min(1).max(NAME_LENGTH);

export const volumeRequestSchema = z.object({
  slug: diskSlugSchema,
  region: z.string().min(1).max(NAME_LENGTH),
  capacity: capacitySchema,
  /** A built-in image or a snapshot. */
  from: idOrSlug.nullish(),
});
export type VolumeRequest = z.output<typeof volumeRequestSchema>;

export const snapshotRequestSchema = z.object({ slug: diskSlugSchema });

/** Body of PATCH /api/v1/volumes/{id}. */
export const growRequestSchema = z.object({ capacity: capacitySchema });

/** Body of POST …/restore: another slug if its own has been taken meanwhile. */
export const restoreRequestSchema = z.object({ slug: diskSlugSchema.nullish() });

/** Body of POST /api/v1/sandboxes/{id}/volumes. */
export const attachRequestSchema = mountSchema;

/** A volume of a sandbox. */
export const sandboxVolumeSchema = z.object({
  volume: reference,
  path: z.string(),
  readOnly: z.boolean(),
});
export type SandboxVolume = z.infer<typeof sandboxVolumeSchema>;
