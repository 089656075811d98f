import type { ListOptions, PaginatedList } from "../rest/pagination.ts";
import type { AppId, AppSlug, EnvVar, EnvVarInit, EnvVarUpdate, LayerRef } from "./common.ts";

/** Id of a layer. */
export type LayerId = string;
/** Name of a layer for people: unique in its organisation, and changeable. */
export type LayerSlug = string;

/** An environment that several apps share. */
export interface Layer {
  /** Its id, which never changes. */
  id: LayerId;
  /** Its name. */
  slug: LayerSlug;
  /** What it is for. */
  description?: string;
  /** Layers that it includes. */
  layers: LayerRef[];
  /** Its variables. */
  env_vars: EnvVar[];
  /** How many apps use it. */
  app_count: number;
  /** When it was made, ISO 8601. */
  created_at: string;
  /** When it was last changed, ISO 8601. */
  updated_at: string;
}

/** A new layer. */
export interface LayerInit {
  /** Its name. */
  slug: string;
  /** What it is for. */
  description?: string;
  /** Ids or slugs of layers that it includes. */
  layers?: string[];
  /** Its variables. */
  env_vars?: EnvVarInit[];
}

/** A change of a layer. What is absent stays. */
export interface LayerUpdate {
  /** New name. */
  slug?: string;
  /** What it is for. */
  description?: string;
  /** The layers it includes from now on, all of them. */
  layers?: string[];
  /** Changes of single variables; the others stay. */
  env_vars?: EnvVarUpdate[];
}

/** Which layers to list. */
export interface LayerListOptions extends ListOptions {
  /** Text to search for. */
  search?: string;
}

/** Which apps of a layer to list. */
export interface LayerAppsListOptions extends ListOptions {}

/** An app that uses a layer. */
export interface LayerAppRef {
  /** The app's id. */
  id: AppId;
  /** The app's name. */
  slug: AppSlug;
  /** Index of the layer in the app's `layers`. */
  layer_position: number;
}

/**
 * The layers of an organisation. Methods reject with `ApiError` and `NetworkError`.
 *
 * @example
 * ```ts ignore
 * import { Client } from "sandkeep";
 *
 * await new Client().layers.create({ slug: "shared", env_vars: [{ key: "TZ", value: "UTC" }] });
 * ```
 */
export interface Layers {
  /** A layer by id or slug; null when there is none. */
  get(idOrSlug: LayerId | LayerSlug): Promise<Layer | null>;
  /** The layers. */
  list(opts?: LayerListOptions): Promise<PaginatedList<Layer>>;
  /** Makes a layer. */
  create(init: LayerInit): Promise<Layer>;
  /** Changes a layer. */
  update(idOrSlug: LayerId | LayerSlug, updates: LayerUpdate): Promise<Layer>;
  /** Removes a layer. */
  delete(idOrSlug: LayerId | LayerSlug): Promise<void>;
  /** The apps that use a layer. */
  apps(idOrSlug: LayerId | LayerSlug, opts?: LayerAppsListOptions): Promise<PaginatedList<LayerAppRef>>;
}
