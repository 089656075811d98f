import type { ListOptions, PaginatedList } from "../rest/pagination.ts";
import type { AppId, AppSlug, EnvVar, EnvVarInit, EnvVarUpdate, LayerRef } from "./common.ts";

/** Id of a layer. */
export type LayerId = string;
/** Human-readable name of a layer. Unique in its organisation; can be changed. */
export type LayerSlug = string;

/** An environment that several apps share. */
export interface Layer {
  /** Its id, which never changes. */
  id: LayerId;
  /** Its name. */
  slug: LayerSlug;
  /** A description. */
  description?: string;
  /** Layers that it includes. */
  layers: LayerRef[];
  /** Its variables. */
  env_vars: EnvVar[];
  /** How many apps use it. */
  app_count: number;
  /** When it was created, ISO 8601. */
  created_at: string;
  /** When it was last updated, ISO 8601. */
  updated_at: string;
}

/** A new layer. */
export interface LayerInit {
  /** Its name. */
  slug: string;
  /** A description. */
  description?: string;
  /** Ids or slugs of layers that it includes. */
  layers?: string[];
  /** Its variables. */
  env_vars?: EnvVarInit[];
}

/** Changes to a layer. Absent fields stay as they are. */
export interface LayerUpdate {
  /** New name. */
  slug?: string;
  /** A description. */
  description?: string;
  /** The layers that it includes from now on; they replace the old ones. */
  layers?: string[];
  /** Changes to single variables; the others stay as they are. */
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
  /** Gets a layer by id or slug; null when there is none. */
  get(idOrSlug: LayerId | LayerSlug): Promise<Layer | null>;
  /** Lists the layers. */
  list(opts?: LayerListOptions): Promise<PaginatedList<Layer>>;
  /** Creates a layer. */
  create(init: LayerInit): Promise<Layer>;
  /** Updates a layer. */
  update(idOrSlug: LayerId | LayerSlug, updates: LayerUpdate): Promise<Layer>;
  /** Deletes a layer. */
  delete(idOrSlug: LayerId | LayerSlug): Promise<void>;
  /** Lists the apps that use a layer. */
  apps(idOrSlug: LayerId | LayerSlug, opts?: LayerAppsListOptions): Promise<PaginatedList<LayerAppRef>>;
}
