import type { App, Layer } from "@sandkeep/protocol";
import type { AppRecord, LayerRecord } from "@sandkeep/store";
import { envVarView } from "./env-vars.ts";

export const iso = (ms: number) => new Date(ms).toISOString();
export const isoOrNull = (ms: number | null) => (ms === null ? null : iso(ms));

export function appView({ id, slug, labels, envVars, config, layers, createdAt, updatedAt }: AppRecord): App {
  return {
    id,
    slug,
    labels,
    env_vars: envVars.map(envVarView),
    config,
    layers,
    created_at: iso(createdAt),
    updated_at: iso(updatedAt),
  };
}

export function layerView(layer: LayerRecord, appCount: number): Layer {
  const { id, slug, description, layers, envVars, createdAt, updatedAt } = layer;
  return {
    id,
    slug,
    ...(description !== null && { description }),
    layers,
    env_vars: envVars.map(envVarView),
    app_count: appCount,
    created_at: iso(createdAt),
    updated_at: iso(updatedAt),
  };
}
