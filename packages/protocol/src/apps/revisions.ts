import { z } from "zod";
import { APPS, NAME_LENGTH } from "../limits.ts";
import { appConfigSchema } from "./requests.ts";

const reference = z.object({ id: z.string(), slug: z.string() });

export const revisionStatusSchema = z.enum(["skipped", "queued", "building", "succeeded", "failed"]);
export type RevisionStatus = z.infer<typeof revisionStatusSchema>;
export const failureReasonSchema = z.enum(["error", "cancelled", "timed_out", "skipped"]);
export type FailureReason = z.infer<typeof failureReasonSchema>;

/** A version of an app, as the official clients expect it. */
export const revisionSchema = z.object({
  id: z.string(),
  status: revisionStatusSchema,
  failure_reason: failureReasonSchema.nullable(),
  labels: z.record(z.string(), z.string()),
  layers: z.array(reference),
  env_vars: z.array(z.object({ key: z.string(), value: z.string() })),
  config: appConfigSchema,
  retention: z.enum(["auto", "indefinite"]),
  created_at: z.string(),
  cancellation_requested_at: z.string().nullable(),
  build_finished_at: z.string().nullable(),
  deleted_at: z.string().nullable(),
});
export type Revision = z.infer<typeof revisionSchema>;

/** What serves an app: the newest revision that was deployed to it. */
export const timelineSchema = z.object({
  slug: z.string(),
  partition: z.record(z.string(), z.string()),
  app: reference,
  context: z.object({ slug: z.string() }),
  domains: z.array(z.object({ domain: z.string() })),
});
export type Timeline = z.infer<typeof timelineSchema>;

/** One stage of a deployment. */
export const stageSchema = z.object({
  status: z.enum(["pending", "skipped", "running", "succeeded", "timed_out", "cancelled", "errored"]),
  /** ISO 8601. */
  start: z.string().optional(),
  end: z.string().optional(),
});
export type Stage = z.infer<typeof stageSchema>;
const withCommand = stageSchema.extend({ command: z.string().nullable() });

/** How far a deployment is, as the official clients expect it. */
export const revisionProgressSchema = z.object({
  queued: stageSchema,
  preparing: stageSchema,
  installing: withCommand,
  building: withCommand,
  deploying: stageSchema.extend({
    timelines: z.array(
      stageSchema.extend({
        slug: z.string(),
        partition: z.record(z.string(), z.string()),
        database: stageSchema,
        predeploy: withCommand,
        warmup: stageSchema,
        routing: stageSchema,
      }),
    ),
  }),
});
export type RevisionProgress = z.infer<typeof revisionProgressSchema>;

/** A line of what a deployment says. */
export const buildLogSchema = z.object({
  timestamp: z.string(),
  level: z.enum(["info", "error"]),
  message: z.string(),
  step: z.enum(["preparing", "installing", "building", "deploying"]),
  timeline: z.string().optional(),
});
export type BuildLog = z.infer<typeof buildLogSchema>;

const text = z.string().max(APPS.commandLength).nullish();

/** Body of POST /api/v2/sandboxes/{id}/deploy. */
export const deployRequestSchema = z.object({
  /** Id or slug. */
  app: z.string().min(1).max(NAME_LENGTH),
  entrypoint: z.string().min(1).max(NAME_LENGTH).nullish(),
  args: z.array(z.string().max(APPS.commandLength)).max(APPS.args).nullish(),
  production: z.boolean().nullish(),
  preview: z.boolean().nullish(),
  /** Relative paths are relative to `/home/app`. */
  path: z
    .string()
    .max(NAME_LENGTH)
    .refine((path) => !path.includes("\0"), "must not contain NUL")
    .nullish(),
  mode: z.enum(["none", "local"]).nullish(),
  frameworkPreset: text,
  installCommand: text,
  buildCommand: text,
  buildDirectory: text,
});
export type DeployRequest = z.output<typeof deployRequestSchema>;
export const deployAnswerSchema = z.object({ revision_id: z.string() });

/** Body of PATCH /api/v2/revisions/{id}. */
export const retentionRequestSchema = z.object({ retention: z.enum(["auto", "indefinite"]) });

/** Body of POST /api/v1/apps/{id}/rollback. Without a revision: the one before. */
export const rollbackRequestSchema = z.strictObject({ revision: z.string().min(1).max(64).optional() });

/** Its answer, and what serves an app now. */
export const productionSchema = z.object({
  app: reference,
  /** Null: none was deployed yet. */
  revision: z.string().nullable(),
  /** What it served before. */
  previous: z.string().nullable(),
  url: z.string(),
});
export type Production = z.infer<typeof productionSchema>;
