import type { ListOptions, PaginatedList } from "../rest/pagination.ts";
import type { RuntimeConfig } from "./app-config.ts";
import type { AppId, AppSlug, LayerRef } from "./common.ts";
import type { RevisionProgress } from "./revision-progress.ts";
import type { Timeline } from "./timelines.ts";

/** Status of a revision. */
export type RevisionStatus = "skipped" | "queued" | "building" | "succeeded" | "failed";

/** Why a revision failed. */
export type RevisionFailureReason = "error" | "cancelled" | "timed_out" | "skipped";

/** A variable in the environment of one revision. */
export interface RevisionEnvVar {
  /** Its name. */
  key: string;
  /** Its value. */
  value: string;
}

/** How a revision was built and runs. */
export interface RevisionConfig {
  /** Framework whose preset was used. */
  framework?: string;
  /** Command that installed dependencies; null if none did. */
  install?: string | null;
  /** Command that built; null if none did. */
  build?: string | null;
  /** Command that ran before the deployment; null if none did. */
  predeploy?: string | null;
  /** Whether cron jobs are allowed. When false, a revision with a `Deno.cron` fails to build. True by default. */
  crons?: boolean;
  /** What runs it. */
  runtime?: RuntimeConfig;
}

/** A version of an app, as {@linkcode Revisions.get} returns it. */
export interface Revision {
  /** Its id. */
  id: string;
  /** Its status. */
  status: RevisionStatus;
  /** Why it failed; null if it did not. */
  failure_reason: RevisionFailureReason | null;
  /** Labels, such as the branch and commit it was built from. */
  labels?: Record<string, string>;
  /** Its layers. */
  layers: LayerRef[];
  /** Its own environment, which cannot be changed. */
  env_vars: RevisionEnvVar[];
  /** How it was built and runs. */
  config: RevisionConfig;
  /** When it was created, ISO 8601. */
  created_at: string;
  /** When cancellation was requested, ISO 8601; null if it was not. */
  cancellation_requested_at: string | null;
  /** When its build ended, ISO 8601; null while it runs. */
  build_finished_at: string | null;
  /** When it was deleted, ISO 8601; null while it exists. */
  deleted_at: string | null;
}

/** Which revisions to list. */
export interface RevisionListOptions extends ListOptions {
  /** Only revisions with this status. */
  status?: RevisionStatus;
}

/** A step of a build. */
export type BuildStep = "preparing" | "installing" | "building" | "deploying";

/** A line of a build log. */
export interface BuildLog {
  /** Time of the line, ISO 8601. */
  timestamp: string;
  /** Severity. */
  level: "info" | "error";
  /** The text. */
  message: string;
  /** The step that logged it. */
  step: BuildStep;
  /** The timeline, in the step `deploying`. */
  timeline?: string;
}

/** Which lines of a build log to read. */
export interface BuildLogsOptions {
  /** Only lines of this step. */
  step?: BuildStep;
  /** Only lines of this timeline, by slug; for the step `deploying`. */
  timeline?: string;
}

/**
 * The versions of apps. Methods reject with `ApiError` and `NetworkError`.
 *
 * @example
 * ```ts ignore
 * import { Client } from "sandkeep";
 *
 * for await (const line of new Client().revisions.buildLogs("revision-id")) console.log(line.message);
 * ```
 */
export interface Revisions {
  /** Gets a revision by id; null when there is none. */
  get(id: string): Promise<Revision | null>;
  /** Lists the revisions of an app, newest first. */
  list(app: AppId | AppSlug, opts?: RevisionListOptions): Promise<PaginatedList<Omit<Revision, "timelines">>>;
  /** Follows the progress of a build until it ends. */
  progress(id: string): AsyncIterable<RevisionProgress>;
  /** Follows the log of a build until it ends. */
  buildLogs(id: string, opts?: BuildLogsOptions): AsyncIterable<BuildLog>;
  /** Requests that a build be cancelled. Resolves before it has stopped. */
  cancel(id: string): Promise<Revision>;
  /** Lists the timelines that use a revision. */
  timelines(id: string): Promise<Timeline[]>;
  /** Deletes a revision. */
  delete(id: string): Promise<void>;
}
