import type { SpawnOptions } from "../process/spawn-options.ts";

/** File extension that tells Deno which language a piece of code is written in. */
export type CodeExtension = "js" | "cjs" | "mjs" | "ts" | "cts" | "mts" | "jsx" | "tsx";

/** What {@linkcode SandboxDeno.run} runs: a file in the sandbox, or code. */
export type DenoRunOptions = (
  | {
      /** Path of the main module in the sandbox. Excludes `code`. */
      entrypoint: string | URL;
      /**
       * Restart whenever a module of the program, or one of the given additional paths, changes.
       *
       * @default {false}
       */
      watch?: boolean | string[];
    }
  | {
      /** The program. Excludes `entrypoint`. */
      code: string;
      /**
       * Its language.
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
