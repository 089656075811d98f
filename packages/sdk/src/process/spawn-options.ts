/** How to start a process; see {@linkcode Sandbox.spawn}. */
export interface SpawnOptions {
  /** Its arguments. */
  args?: string[];
  /** Directory to start in; `/home/app` by default. */
  cwd?: string | URL;
  /**
   * Start with an empty environment instead of the sandbox's.
   *
   * @default {false}
   */
  clearEnv?: boolean;
  /** Variables added to its environment. */
  env?: Record<string, string>;
  /** Sends it `SIGTERM` when aborted. */
  signal?: AbortSignal;
  /**
   * Its standard input: `"piped"` is a stream to write to, {@linkcode ChildProcess.stdin}; `"null"` is empty.
   *
   * @default {"null"}
   */
  stdin?: "piped" | "null";
  /**
   * Its standard output: `"piped"` is a stream to read from, {@linkcode ChildProcess.stdout}; `"inherit"` prints it where
   * this process prints; `"null"` discards it.
   *
   * @default {"inherit"}
   */
  stdout?: "piped" | "inherit" | "null";
  /**
   * Its standard error, like standard output.
   *
   * @default {"inherit"}
   */
  stderr?: "piped" | "inherit" | "null";
}
