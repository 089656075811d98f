/** A framework whose way of building is known; `""` is none of them. */
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

/** How an app is built, whatever it runs on. */
export type AppConfigBase = {
  /** Command that installs dependencies; none is run without it. */
  install?: string | null;
  /** Command that builds; none is run without it. */
  build?: string | null;
  /** Command that runs before each deployment, such as a database migration. */
  predeploy?: string | null;
  /** Whether revisions may have cron jobs. When false, a revision with a `Deno.cron` fails to build. True by default. */
  crons?: boolean;
};

/** How an app is built and run: by a framework's rules, by a runtime's, or by the plain commands. */
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

/** What runs an app: a Deno process (`dynamic`), or a server of files that were built before (`static`). */
export type RuntimeConfig =
  | {
      /** A Deno process. */
      type: "dynamic";
      /** Path of the main module. */
      entrypoint?: string;
      /** Arguments after the entrypoint. */
      args?: string[];
    }
  | {
      /** Files as they are. */
      type: "static";
      /** Directory of the files. */
      cwd?: string;
      /** Answer unknown paths with `index.html`, for single-page applications. */
      spa?: boolean;
    };
