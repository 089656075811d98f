/** A framework with a build preset; `""` for none. */
export type Framework =
  | ""
  | "nextjs"
  | "astro"
  | "nuxt"
  | "remix"
  | "solidstart"
  | "tanstackstart"
  | "sveltekit"
  | "fresh"
  | "lume";

/** How an app is built, for every kind of app. */
export type AppConfigBase = {
  /** Command that installs dependencies. Skipped when absent. */
  install?: string | null;
  /** Command that builds. Skipped when absent. */
  build?: string | null;
  /** Command that runs before each deployment, such as a database migration. */
  predeploy?: string | null;
  /** Whether revisions may have cron jobs. When false, a revision with a `Deno.cron` fails to build. True by default. */
  crons?: boolean;
};

/** How an app is built and run: with a framework's preset, with a runtime, or with the given commands only. */
export type AppConfig =
  | AppConfigBase
  | (AppConfigBase & {
      /** The framework; excludes `runtime`. */
      framework: Framework;
    })
  | (AppConfigBase & {
      /** The runtime; excludes `framework`. */
      runtime: RuntimeConfig;
    });

/** What runs an app: a Deno process (`dynamic`), or a file server (`static`). */
export type RuntimeConfig =
  | {
      /** A Deno process. */
      type: "dynamic";
      /** Path of the main module. */
      entrypoint?: string;
      /** Arguments for the program. */
      args?: string[];
    }
  | {
      /** A server of static files. */
      type: "static";
      /** Directory of the files. */
      cwd?: string;
      /** Serve `index.html` for unknown paths, for single-page applications. */
      spa?: boolean;
    };
