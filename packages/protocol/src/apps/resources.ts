import { z } from "zod";
import { envVarSchema } from "./env-vars.ts";
import { appConfigSchema } from "./requests.ts";

const reference = z.object({ id: z.string(), slug: z.string() });

/** An app, as the official clients expect it (wire-protocol §10.2). */
export const appSchema = z.object({
  id: z.string(),
  slug: z.string(),
  labels: z.record(z.string(), z.string()),
  env_vars: z.array(envVarSchema),
  config: appConfigSchema,
  layers: z.array(reference),
  created_at: z.string(),
  updated_at: z.string(),
});
export type App = z.infer<typeof appSchema>;

/** Variables that several apps share. */
export const layerSchema = z.object({
  id: z.string(),
  slug: z.string(),
  description: z.string().optional(),
  /** Layers that it includes, the first with precedence. */
  layers: z.array(reference),
  env_vars: z.array(envVarSchema),
  app_count: z.number(),
  created_at: z.string(),
  updated_at: z.string(),
});
export type Layer = z.infer<typeof layerSchema>;

/** An app that uses a layer. */
export const layerAppSchema = reference.extend({
  /** Place of the layer among the app's. */
  layer_position: z.number(),
});
export type LayerApp = z.infer<typeof layerAppSchema>;

/** A line that an app has printed. */
export const appLogSchema = z.object({
  timestamp: z.string(),
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
  revision_id: z.string(),
  region: z.string(),
});
export type AppLog = z.infer<typeof appLogSchema>;

export const appLogsSchema = z.object({ logs: z.array(appLogSchema), next_cursor: z.string().nullable() });
