import type { BuildLog, Revision } from "../apps/revisions.ts";

/** A deployment that {@linkcode SandboxDeno.deploy} has begun. */
export interface Build {
  /** Id of the revision that it makes. */
  id: string;
  /** Resolves to the revision when the build has ended, well or not. Rejects with `DeployError`. */
  done: Promise<Revision>;
  /** What the build logs, until it ends. */
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
      /** The files are deployed as they are. */
      mode?: "none";
    }
  | {
      /** The files are built in the sandbox first, as Deno Deploy builds. */
      mode?: "local";
      /**
       * Framework whose rules apply.
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
      /** Directory whose content is deployed. */
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
  /** How it is built; as it is when absent. */
  build?: BuildOptions;
}
