import type { SpawnOptions } from "../sandbox/options.ts";

/** File extension that tells Deno what a piece of code is written in. */
export type CodeExtension = "js" | "cjs" | "mjs" | "ts" | "cts" | "mts" | "jsx" | "tsx";

/** What {@linkcode SandboxDeno.run} runs: a file of the sandbox, or code. */
export type DenoRunOptions = (
  | {
      /** Path of the main module in the sandbox. Excludes `code`. */
      entrypoint: string | URL;
      /**
       * Start again whenever a module that is used changes, or one of the further paths given.
       *
       * @default {false}
       */
      watch?: boolean | string[];
    }
  | {
      /** The program. Excludes `entrypoint`. */
      code: string;
      /**
       * What it is written in.
       *
       * @default {"ts"}
       */
      extension?: CodeExtension;
    }
) & {
  /** Arguments of the program: its `Deno.args`. */
  scriptArgs?: string[];
} & Omit<SpawnOptions, "args">;

/** How {@linkcode SandboxDeno.repl} starts. */
export type DenoReplOptions = {
  /** Arguments: `Deno.args` in the REPL. */
  scriptArgs?: string[];
} & Omit<SpawnOptions, "args">;
