import type { LayerRef } from "./common.ts";
import type { RevisionEnvVar } from "./revisions.ts";

/** A file or a symbolic link of a deployment. */
export type DeployAsset =
  | {
      kind?: "file";
      /** Encoding of `content`; UTF-8 by default. */
      encoding?: "utf-8" | "base64";
      content: string;
    }
  | {
      kind: "symlink";
      /** Target of the link. */
      target: string;
    };

/** How one deployment is built and run. Absent fields are taken from the app. */
export interface DeployConfig {
  /** Framework whose rules apply. */
  framework?: string;
  /** Command that installs dependencies; null for none. */
  install?: string | null;
  /** Command that builds; null for none. */
  build?: string | null;
  /** Command that runs before the deployment; null for none. */
  predeploy?: string | null;
  /** Whether cron jobs are allowed. When false, a revision with a `Deno.cron` fails to build. True by default. */
  crons?: boolean;
  /** What runs it. */
  runtime?: {
    type: "dynamic" | "static";
    entrypoint?: string;
    args?: string[];
    cwd?: string;
    spa?: boolean;
  };
}

/** A new deployment of an app. */
export interface DeployInit {
  /** The files, by path relative to `/app/src`. */
  assets: Record<string, DeployAsset>;
  /** How it is built and run; taken from the app when absent. */
  config?: DeployConfig;
  /** Ids or slugs of layers for this revision. */
  layers?: string[];
  /** Environment of this revision only. It cannot be changed later. */
  env_vars?: RevisionEnvVar[];
  /** Labels, such as the branch and commit it was built from. */
  labels?: Record<string, string>;
  /**
   * Whether to deploy it to production.
   *
   * @default {true}
   */
  production?: boolean;
  /**
   * Whether to deploy it as a preview.
   *
   * @default {false}
   */
  preview?: boolean;
}

/** The revision that a deployment created. */
export interface DeployRevision {
  /** Its id. */
  id: string;
  /** Its status. */
  status: "skipped" | "queued" | "building" | "succeeded" | "failed";
  /** Why it failed; null if it did not. */
  failure_reason: string | null;
  /** Labels, such as the branch and commit it was built from. */
  labels?: Record<string, string>;
  /** Its layers, the first with precedence. */
  layers?: LayerRef[];
  /** Its own environment. */
  env_vars?: RevisionEnvVar[];
  /** How it is built and run. */
  config?: DeployConfig;
  /** When it was created, ISO 8601. */
  created_at: string;
  /** When cancellation was requested, ISO 8601; null if it was not. */
  cancellation_requested_at: string | null;
  /** When its build ended, ISO 8601; null while it runs. */
  build_finished_at: string | null;
  /** When it was deleted, ISO 8601; null if it was not. */
  deleted_at: string | null;
}
