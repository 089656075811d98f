import type { LayerRef } from "./common.ts";
import type { RevisionEnvVar } from "./revisions.ts";

/** A file or a symbolic link of a deployment. */
export type DeployAsset =
  | {
      kind?: "file";
      /** How `content` is written; UTF-8 by default. */
      encoding?: "utf-8" | "base64";
      content: string;
    }
  | {
      kind: "symlink";
      /** Where the link leads. */
      target: string;
    };

/** How one deployment is built and run. What is absent is as the app has it. */
export interface DeployConfig {
  /** Framework whose rules apply. */
  framework?: string;
  /** Command that installs dependencies; null for none. */
  install?: string | null;
  /** Command that builds; null for none. */
  build?: string | null;
  /** Command that runs before the deployment; null for none. */
  predeploy?: string | null;
  /** Whether the revision may have cron jobs; when false, one with a `Deno.cron` fails to build. True by default. */
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
  /** How it is built and run; as the app when absent. */
  config?: DeployConfig;
  /** Ids or slugs of layers for this revision. */
  layers?: string[];
  /** Environment of this revision only; cannot be changed later. */
  env_vars?: RevisionEnvVar[];
  /** Labels, such as the branch and commit it was made of. */
  labels?: Record<string, string>;
  /**
   * Put it in the production timeline.
   *
   * @default {true}
   */
  production?: boolean;
  /**
   * Make it a preview.
   *
   * @default {false}
   */
  preview?: boolean;
}

/** The revision that a deployment made. */
export interface DeployRevision {
  /** Its id. */
  id: string;
  /** How far it is. */
  status: "skipped" | "queued" | "building" | "succeeded" | "failed";
  /** Why it failed, if it did. */
  failure_reason: string | null;
  /** Labels, such as the branch and commit it was made of. */
  labels?: Record<string, string>;
  /** Its layers, the first has precedence. */
  layers?: LayerRef[];
  /** Its own environment. */
  env_vars?: RevisionEnvVar[];
  /** How it is built and run. */
  config?: DeployConfig;
  /** When it was made, ISO 8601. */
  created_at: string;
  /** When it was asked to stop, ISO 8601, if it was. */
  cancellation_requested_at: string | null;
  /** When its build ended, ISO 8601, if it has. */
  build_finished_at: string | null;
  /** When it was removed, ISO 8601, if it was. */
  deleted_at: string | null;
}
