import type { BuildLog, Revision } from "../apps/revisions.ts";

/** A deployment that {@linkcode SandboxDeno.deploy} has started. */
export interface Build {
  /** Id of the new revision. */
  id: string;
  /** Resolves to the revision when the build has ended, successfully or not. Rejects with `DeployError`. */
  done: Promise<Revision>;
  /** The log of the build, until it ends. */
  logs(): AsyncIterable<BuildLog>;
}

/** How {@linkcode SandboxDeno.deploy} builds: the files as they are (`"none"`), or a build in the sandbox (`"local"`). */
export type BuildOptions = {
  /**
   * Main module, relative to the `path` of {@linkcode DeployOptions}.
   *
   * @default {"main.ts"}
   */
  entrypoint?: string;
  /** Arguments of the program. */
  args?: string[];
} & (
  | {
      /** Deploy the files as they are. */
      mode?: "none";
    }
  | {
      /** Build in the sandbox first, in the way Deno Deploy does. */
      mode?: "local";
      /**
       * Framework whose preset is used.
       *
       * @default {""}
       */
      frameworkPreset?:
        | ""
        | "astro"
        | "fresh"
        | "lume"
        | "nextjs"
        | "nuxt"
        | "remix"
        | "solidstart"
        | "sveltekit"
        | "tanstackstart";
      /** Command that installs dependencies. */
      installCommand?: string;
      /** Command that builds. */
      buildCommand?: string;
      /** Directory with the result, which is deployed. */
      buildDirectory?: string;
    }
);

/** What {@linkcode SandboxDeno.deploy} deploys, and how. */
export interface DeployOptions {
  /**
   * Directory to deploy; relative to `/home/app`.
   *
   * @default {"."}
   */
  path?: string;
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
  /** How it is built; the files are deployed as they are when absent. */
  build?: BuildOptions;
}
