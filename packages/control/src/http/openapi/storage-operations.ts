import {
  attachRequestSchema,
  growRequestSchema,
  restoreRequestSchema,
  sandboxVolumeSchema,
  snapshotDetailSchema,
  snapshotRequestSchema,
  snapshotSchema,
  volumeDetailSchema,
  volumeRequestSchema,
  volumeSchema,
} from "@sandkeep/protocol";
import { z } from "zod";
import { detailQuery, searchQuery } from "../routes/storage/disks.ts";
import { detachQuery } from "../routes/storage/sandbox-volumes.ts";
import { gone, page } from "./answers.ts";
import type { Operation } from "./operation.ts";

const listed = { tag: "Storage", errors: ["INVALID_REQUEST", "INVALID_CURSOR"] } as const satisfies Partial<Operation>;
const later =
  "Its slug is free at once. Its data is kept for the server's `storage.keepDeletedHours`; until then it can be restored.";
const now = "Also one that is deleted already. It cannot be restored.";

/** Operations on volumes and snapshots, by their keys in the table of scopes. */
export const STORAGE_OPERATIONS: Readonly<Record<string, Operation>> = {
  "GET /api/v2/volumes": {
    ...listed,
    id: "listVolumesV2",
    summary: "Lists volumes, as Deno Sandbox does",
    query: searchQuery,
    answer: page(volumeSchema),
  },
  "POST /api/v2/volumes": {
    id: "createVolume",
    tag: "Storage",
    summary: "Creates a volume",
    description: "Empty, or with the content of `builtin:debian-13` or of a snapshot, which makes it bootable.",
    body: volumeRequestSchema,
    example: { slug: "data", region: "ord", capacity: "2GiB" },
    answer: { status: 201, description: "The volume.", schema: volumeSchema },
    errors: ["REGION_MISMATCH", "SNAPSHOT_NOT_FOUND", "SLUG_ALREADY_IN_USE", "STORAGE_LIMIT", "NO_SPACE"],
  },
  "GET /api/v2/volumes/:id": {
    id: "getVolumeV2",
    tag: "Storage",
    summary: "One volume, by id or slug, as Deno Sandbox has it",
    answer: { status: 200, description: "The volume.", schema: volumeSchema },
    errors: ["VOLUME_NOT_FOUND"],
  },
  "DELETE /api/v2/volumes/:id": {
    id: "deleteVolume",
    tag: "Storage",
    summary: "Deletes a volume",
    description: later,
    answer: gone,
    errors: ["VOLUME_NOT_FOUND", "VOLUME_IN_USE"],
  },
  "POST /api/v2/volumes/:id/snapshot": {
    id: "createSnapshot",
    tag: "Storage",
    summary: "Takes a snapshot of a volume",
    body: snapshotRequestSchema,
    example: { slug: "with-tools" },
    answer: { status: 201, description: "The snapshot.", schema: snapshotSchema },
    errors: ["VOLUME_NOT_FOUND", "VOLUME_IN_USE", "SLUG_ALREADY_IN_USE", "STORAGE_LIMIT", "NO_SPACE"],
  },
  "GET /api/v2/snapshots": {
    ...listed,
    id: "listSnapshotsV2",
    summary: "Lists snapshots, as Deno Sandbox does",
    query: searchQuery,
    answer: page(snapshotSchema),
  },
  "GET /api/v2/snapshots/:id": {
    id: "getSnapshotV2",
    tag: "Storage",
    summary: "One snapshot, by id or slug, as Deno Sandbox has it",
    answer: { status: 200, description: "The snapshot.", schema: snapshotSchema },
    errors: ["SNAPSHOT_NOT_FOUND"],
  },
  "DELETE /api/v2/snapshots/:id": {
    id: "deleteSnapshot",
    tag: "Storage",
    summary: "Deletes a snapshot",
    description: later,
    answer: gone,
    errors: ["SNAPSHOT_NOT_FOUND", "SNAPSHOT_IN_USE"],
  },

  "GET /api/v1/volumes": {
    ...listed,
    id: "listVolumes",
    summary: "Lists volumes with all their fields",
    query: detailQuery,
    answer: page(volumeDetailSchema),
  },
  "GET /api/v1/volumes/:id": {
    id: "getVolume",
    tag: "Storage",
    summary: "One volume, by id or slug",
    answer: { status: 200, description: "The volume.", schema: volumeDetailSchema },
    errors: ["VOLUME_NOT_FOUND"],
  },
  "PATCH /api/v1/volumes/:id": {
    id: "growVolume",
    tag: "Storage",
    summary: "Makes a volume larger, also while it is in use",
    body: growRequestSchema,
    example: { capacity: "4GiB" },
    answer: { status: 200, description: "The volume.", schema: volumeDetailSchema },
    errors: ["VOLUME_NOT_FOUND", "STORAGE_LIMIT", "NO_SPACE"],
  },
  "DELETE /api/v1/volumes/:id": {
    id: "removeVolume",
    tag: "Storage",
    summary: "Deletes a volume and its data at once",
    description: now,
    answer: gone,
    errors: ["VOLUME_NOT_FOUND", "VOLUME_IN_USE", "CHANGED_MEANWHILE"],
  },
  "POST /api/v1/volumes/:id/restore": {
    id: "restoreVolume",
    tag: "Storage",
    summary: "Restores a deleted volume, with another slug if its own is taken",
    body: restoreRequestSchema,
    example: { slug: "data-again" },
    answer: { status: 200, description: "The volume.", schema: volumeDetailSchema },
    errors: ["VOLUME_NOT_FOUND", "SLUG_ALREADY_IN_USE", "CHANGED_MEANWHILE"],
  },
  "GET /api/v1/sandboxes/:id/volumes": {
    id: "listSandboxVolumes",
    tag: "Storage",
    summary: "The volumes of a sandbox",
    answer: { status: 200, description: "Volumes and where they are mounted.", schema: z.array(sandboxVolumeSchema) },
    errors: ["SANDBOX_NOT_FOUND"],
  },
  "POST /api/v1/sandboxes/:id/volumes": {
    id: "attachVolume",
    tag: "Storage",
    summary: "Attaches a volume to a running sandbox and mounts it",
    body: attachRequestSchema,
    example: { volume: "data", path: "/data", read_only: true },
    answer: { status: 201, description: "It is mounted.", schema: sandboxVolumeSchema },
    errors: ["SANDBOX_NOT_FOUND", "VOLUME_NOT_FOUND", "VOLUME_IN_USE", "REGION_MISMATCH", "CHANGED_MEANWHILE"],
  },
  "DELETE /api/v1/sandboxes/:id/volumes/:name": {
    id: "detachVolume",
    tag: "Storage",
    summary: "Unmounts a volume of a running sandbox and detaches it",
    description: "`force=true` also if programs use it.",
    query: detachQuery,
    answer: gone,
    errors: ["SANDBOX_NOT_FOUND", "VOLUME_NOT_ATTACHED", "VOLUME_BUSY", "INVALID_REQUEST"],
  },
  "GET /api/v1/snapshots": {
    ...listed,
    id: "listSnapshots",
    summary: "Lists snapshots with all their fields",
    query: detailQuery,
    answer: page(snapshotDetailSchema),
  },
  "GET /api/v1/snapshots/:id": {
    id: "getSnapshot",
    tag: "Storage",
    summary: "One snapshot, by id or slug",
    answer: { status: 200, description: "The snapshot.", schema: snapshotDetailSchema },
    errors: ["SNAPSHOT_NOT_FOUND"],
  },
  "DELETE /api/v1/snapshots/:id": {
    id: "removeSnapshot",
    tag: "Storage",
    summary: "Deletes a snapshot and its data at once",
    description: now,
    answer: gone,
    errors: ["SNAPSHOT_NOT_FOUND", "SNAPSHOT_IN_USE", "CHANGED_MEANWHILE"],
  },
  "POST /api/v1/snapshots/:id/restore": {
    id: "restoreSnapshot",
    tag: "Storage",
    summary: "Restores a deleted snapshot, with another slug if its own is taken",
    body: restoreRequestSchema,
    example: {},
    answer: { status: 200, description: "The snapshot.", schema: snapshotDetailSchema },
    errors: ["SNAPSHOT_NOT_FOUND", "SLUG_ALREADY_IN_USE", "CHANGED_MEANWHILE"],
  },
};
