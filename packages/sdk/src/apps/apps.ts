import type { Cursor, ListOptions, PaginatedList } from "../rest/pagination.ts";
import type { AppConfig } from "./app-config.ts";
import type { AppId, AppSlug, EnvVar, EnvVarInit, EnvVarUpdate, LayerRef } from "./common.ts";
import type { DeployInit, DeployRevision } from "./deploy.ts";

/** A new app. */
export interface AppInit {
  /** Its name; random when absent. */
  slug?: string;
  /** Up to 5 labels to find it by. */
  labels?: Record<string, string>;
  /** Its environment. */
  env_vars?: EnvVarInit[];
  /** How it is built and run, unless a deployment overrides it. */
  config?: AppConfig;
  /** Ids or slugs of layers whose environment it uses. */
  layers?: string[];
}

/** An app, as {@linkcode Apps.get} returns it. */
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
  /** Layers whose environment it uses. */
  layers: LayerRef[];
  /** When it was created, ISO 8601. */
  created_at: string;
  /** When it was last updated, ISO 8601. */
  updated_at: string;
}

/** Which apps to list. */
export interface AppListOptions extends ListOptions {
  /** Only apps with all of these labels. */
  labels?: Record<string, string>;
  /** Only apps with this layer, by id or slug. */
  layer?: string;
}

/** Changes to an app. Absent fields stay as they are. */
export interface AppUpdate {
  /** New name. */
  slug?: string;
  /** Its new labels; they replace the old ones. */
  labels?: Record<string, string>;
  /** Changes to single variables; the others stay as they are. */
  env_vars?: EnvVarUpdate[];
  /** Its new configuration; it replaces the old one. */
  config?: AppConfig;
  /** Its new layers; they replace the old ones. */
  layers?: string[];
}

/** Severity of a log line. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** A line that a running app logged. */
export interface RuntimeLog {
  /** Time of the line, ISO 8601. */
  timestamp: string;
  /** Severity. */
  level: LogLevel;
  /** The text. */
  message: string;
  /** The revision that logged it. */
  revision_id?: string;
  /** The region it ran in. */
  region?: string;
  /** OpenTelemetry trace id of the request. */
  trace_id?: string;
  /** OpenTelemetry span id. */
  span_id?: string;
}

/** Which log lines to read. */
export interface AppLogsOptions {
  /** Lines from this time on, ISO 8601. */
  start: string;
  /** Lines up to this time, ISO 8601; now when absent. */
  end?: string;
  /** Only lines of this revision. */
  revision_id?: string;
  /** Only lines of at least this severity. */
  level?: LogLevel;
  /** Text to search for. */
  query?: string;
  /** Start here: the `nextCursor` of an earlier page. */
  cursor?: Cursor;
  /** Lines per page, 1 to 1000; 100 by default. */
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
  /** Gets an app by id or slug; null when there is none. */
  get(idOrSlug: AppId | AppSlug): Promise<App | null>;
  /** Lists the apps, most recently updated first. */
  list(opts?: AppListOptions): Promise<PaginatedList<App>>;
  /** Creates an app. */
  create(init?: AppInit): Promise<App>;
  /** Updates an app. */
  update(idOrSlug: AppId | AppSlug, updates: AppUpdate): Promise<App>;
  /** Deletes an app. */
  delete(idOrSlug: AppId | AppSlug): Promise<void>;
  /** Creates a revision from the given files and starts to build it. */
  deploy(idOrSlug: AppId | AppSlug, init: DeployInit): Promise<DeployRevision>;
  /** Reads what an app has logged. */
  logs(idOrSlug: AppId | AppSlug, opts: AppLogsOptions): Promise<PaginatedList<RuntimeLog>>;
}
