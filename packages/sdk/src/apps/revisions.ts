import type { ListOptions, PaginatedList } from "../rest/pagination.ts";
import type { RuntimeConfig } from "./app-config.ts";
import type { AppId, AppSlug, LayerRef } from "./common.ts";
import type { RevisionProgress } from "./revision-progress.ts";
import type { Timeline } from "./timelines.ts";

/** How far a revision is. */
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
  /** Framework whose rules applied. */
  framework?: string;
  /** Command that installed; null when none did. */
  install?: string | null;
  /** Command that built; null when none did. */
  build?: string | null;
  /** Command that ran before the deployment; null when none did. */
  predeploy?: string | null;
  /** Whether it may have cron jobs; when false, one with a `Deno.cron` fails to build. True by default. */
  crons?: boolean;
  /** What runs it. */
  runtime?: RuntimeConfig;
}

/** A version of an app, as {@linkcode Revisions.get} gives it. */
export interface Revision {
  /** Its id. */
  id: string;
  /** How far it is. */
  status: RevisionStatus;
  /** Why it failed; null when it did not. */
  failure_reason: RevisionFailureReason | null;
  /** Labels, such as the branch and commit it was made of. */
  labels?: Record<string, string>;
  /** Its layers. */
  layers: LayerRef[];
  /** Its own environment, which cannot be changed. */
  env_vars: RevisionEnvVar[];
  /** How it was built and runs. */
  config: RevisionConfig;
  /** When it was made, ISO 8601. */
  created_at: string;
  /** When it was asked to stop, ISO 8601; null when it was not. */
  cancellation_requested_at: string | null;
  /** When its build ended, ISO 8601; null while it goes on. */
  build_finished_at: string | null;
  /** When it was removed, ISO 8601; null while it exists. */
  deleted_at: string | null;
}

/** Which revisions to list. */
export interface RevisionListOptions extends ListOptions {
  /** Only those that are this far. */
  status?: RevisionStatus;
}

/** A part of a build. */
export type BuildStep = "preparing" | "installing" | "building" | "deploying";

/** A line of a build's log. */
export interface BuildLog {
  /** When, ISO 8601. */
  timestamp: string;
  /** How serious. */
  level: "info" | "error";
  /** What. */
  message: string;
  /** During which part. */
  step: BuildStep;
  /** For which timeline, while `deploying`. */
  timeline?: string;
}

/** Which lines of a build's log to read. */
export interface BuildLogsOptions {
  /** Of this part only. */
  step?: BuildStep;
  /** Of this timeline only, by slug; for `deploying`. */
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
  /** A revision by id; null when there is none. */
  get(id: string): Promise<Revision | null>;
  /** The revisions of an app, newest first. */
  list(app: AppId | AppSlug, opts?: RevisionListOptions): Promise<PaginatedList<Omit<Revision, "timelines">>>;
  /** How far a build is, again whenever that changes, until it ends. */
  progress(id: string): AsyncIterable<RevisionProgress>;
  /** What a build logs, until it ends. */
  buildLogs(id: string, opts?: BuildLogsOptions): AsyncIterable<BuildLog>;
  /** Asks a build to stop. Resolves before it has. */
  cancel(id: string): Promise<Revision>;
  /** Where a revision is in use. */
  timelines(id: string): Promise<Timeline[]>;
  /** Removes a revision. */
  delete(id: string): Promise<void>;
}
