import type { Cursor, ListOptions, PaginatedList } from "../rest/pagination.ts";
import type { AppConfig } from "./app-config.ts";
import type { AppId, AppSlug, EnvVar, EnvVarInit, EnvVarUpdate, LayerRef } from "./common.ts";
import type { DeployInit, DeployRevision } from "./deploy.ts";

/** A new app. */
export interface AppInit {
  /** Its name; a random one when absent. */
  slug?: string;
  /** At most 5 labels to find it by. */
  labels?: Record<string, string>;
  /** Its environment. */
  env_vars?: EnvVarInit[];
  /** How it is built and run unless a deployment says otherwise. */
  config?: AppConfig;
  /** Ids or slugs of layers whose environment it takes over. */
  layers?: string[];
}

/** An app, as {@linkcode Apps.get} gives it. */
export interface App {
  /** Its id, which never changes. */
  id: AppId;
  /** Its name. */
  slug: AppSlug;
  /** Labels to find it by. */
  labels: Record<string, string>;
  /** Its environment. */
  env_vars: EnvVar[];
  /** How it is built and run. */
  config: AppConfig;
  /** Layers whose environment it takes over. */
  layers: LayerRef[];
  /** When it was made, ISO 8601. */
  created_at: string;
  /** When it was last changed, ISO 8601. */
  updated_at: string;
}

/** Which apps to list. */
export interface AppListOptions extends ListOptions {
  /** Only those with all of these labels. */
  labels?: Record<string, string>;
  /** Only those with this layer, by id or slug. */
  layer?: string;
}

/** A change of an app. What is absent stays. */
export interface AppUpdate {
  /** New name. */
  slug?: string;
  /** The labels from now on, all of them. */
  labels?: Record<string, string>;
  /** Changes of single variables; the others stay. */
  env_vars?: EnvVarUpdate[];
  /** The whole configuration from now on. */
  config?: AppConfig;
  /** The layers from now on, all of them. */
  layers?: string[];
}

/** How serious a line of a log is. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** A line that an app logged while it ran. */
export interface RuntimeLog {
  /** When, ISO 8601. */
  timestamp: string;
  /** How serious. */
  level: LogLevel;
  /** What. */
  message: string;
  /** By which revision. */
  revision_id?: string;
  /** In which region. */
  region?: string;
  /** OpenTelemetry id of the request's trace. */
  trace_id?: string;
  /** OpenTelemetry id of the span. */
  span_id?: string;
}

/** Which log lines to read. */
export interface AppLogsOptions {
  /** From when, ISO 8601. */
  start: string;
  /** Until when, ISO 8601; now when absent. */
  end?: string;
  /** Of one revision only. */
  revision_id?: string;
  /** At least as serious as this. */
  level?: LogLevel;
  /** Text to search for. */
  query?: string;
  /** Begin here: the `nextCursor` of an earlier page. */
  cursor?: Cursor;
  /** Lines of one page, 1 to 1000; 100 by default. */
  limit?: number;
}

/**
 * The apps of an organisation. Methods reject with `ApiError` and `NetworkError`.
 *
 * @example
 * ```ts ignore
 * import { Client } from "sandkeep";
 *
 * const app = await new Client().apps.create({ slug: "my-app" });
 * console.log(app.id);
 * ```
 */
export interface Apps {
  /** An app by id or slug; null when there is none. */
  get(idOrSlug: AppId | AppSlug): Promise<App | null>;
  /** The apps, those that changed last first. */
  list(opts?: AppListOptions): Promise<PaginatedList<App>>;
  /** Makes an app. */
  create(init?: AppInit): Promise<App>;
  /** Changes an app. */
  update(idOrSlug: AppId | AppSlug, updates: AppUpdate): Promise<App>;
  /** Removes an app. */
  delete(idOrSlug: AppId | AppSlug): Promise<void>;
  /** Makes a revision of the files given and begins to build it. */
  deploy(idOrSlug: AppId | AppSlug, init: DeployInit): Promise<DeployRevision>;
  /** What an app has logged. */
  logs(idOrSlug: AppId | AppSlug, opts: AppLogsOptions): Promise<PaginatedList<RuntimeLog>>;
}
