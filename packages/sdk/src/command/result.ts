/** How a command of `sandbox.sh` ended, and what it printed to outputs that were `"piped"`. The others are null. */
export interface SandboxCommandResult {
  /** How it ended. */
  status: {
    /** Whether it ended with code 0. */
    success: boolean;
    /** Exit code; 128 + n when signal n ended it. */
    code: number;
    /** Whether it ran out of memory. */
    oom: boolean;
    /** The sandbox's memory in MiB, if it ran out. */
    memoryMiB?: number;
  };
  /** Its standard output, as UTF-8 text. */
  stdoutText: string | null;
  /** Its standard error, as UTF-8 text. */
  stderrText: string | null;
  /** Its standard output, as bytes. */
  stdout: Uint8Array | null;
  /** Its standard error, as bytes. */
  stderr: Uint8Array | null;
}

/** What happens to an output: it is printed here, kept for the result, or discarded. */
export type ShellPipeKind = "inherit" | "piped" | "null";
