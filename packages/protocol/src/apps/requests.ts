import { z } from "zod";
import { labelsSchema } from "../labels.ts";
import { APPS, NAME_LENGTH } from "../limits.ts";
import { slugSchema } from "../slug.ts";
import { envVarInitsSchema, envVarUpdatesSchema } from "./env-vars.ts";

/** An app's name: part of a host name. No `--`, which separates a token from a name. */
export const appSlugSchema = z
  .string()
  .min(2)
  .max(32)
  .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, "lowercase letters, digits and single hyphens, beginning with a letter");

const command = z.string().max(APPS.commandLength).nullish();

const runtime = z.union([
  z.object({
    type: z.literal("dynamic"),
    entrypoint: z.string().max(NAME_LENGTH).nullish(),
    args: z.array(z.string().max(APPS.commandLength)).max(APPS.args).nullish(),
  }),
  z.object({ type: z.literal("static"), cwd: z.string().max(NAME_LENGTH).nullish(), spa: z.boolean().nullish() }),
]);

/** How an app is built and run. Stored as it is; what this version uses of it is in docs/apps.md. */
export const appConfigSchema = z
  .object({
    install: command,
    build: command,
    predeploy: command,
    crons: z.boolean().nullish(),
    framework: z
      .enum(["", "nextjs", "astro", "nuxt", "remix", "solidstart", "tanstackstart", "sveltekit", "fresh", "lume"])
      .nullish(),
    runtime: runtime.nullish(),
  })
  .refine(({ framework, runtime }) => !framework || !runtime, "framework and runtime exclude each other");
export type AppConfig = z.output<typeof appConfigSchema>;

/** Ids or slugs of layers, the first with precedence. */
const layers = z
  .array(z.string().min(1).max(NAME_LENGTH))
  .max(APPS.layers)
  .refine((names) => new Set(names).size === names.length, "a layer is named twice");

/** Body of POST /api/v2/apps. */
export const appRequestSchema = z.object({
  slug: appSlugSchema.nullish(),
  labels: labelsSchema.nullish(),
  env_vars: envVarInitsSchema.nullish(),
  config: appConfigSchema.nullish(),
  layers: layers.nullish(),
});
export type AppRequest = z.output<typeof appRequestSchema>;

/** Body of PATCH /api/v2/apps/{id}: `env_vars` are changes to single variables, everything else replaces what was there. */
export const appUpdateSchema = appRequestSchema.extend({ env_vars: envVarUpdatesSchema.nullish() });
export type AppUpdate = z.output<typeof appUpdateSchema>;

const description = z.string().max(APPS.descriptionLength).nullish();

/** Body of POST /api/v2/layers. */
export const layerRequestSchema = z.object({
  slug: slugSchema,
  description,
  layers: layers.nullish(),
  env_vars: envVarInitsSchema.nullish(),
});
export type LayerRequest = z.output<typeof layerRequestSchema>;

/** Body of PATCH /api/v2/layers/{id}, as for apps. */
export const layerUpdateSchema = z.object({
  slug: slugSchema.nullish(),
  description,
  layers: layers.nullish(),
  env_vars: envVarUpdatesSchema.nullish(),
});
export type LayerUpdate = z.output<typeof layerUpdateSchema>;
