/** How a command of `sandbox.sh` ended, and what it printed to outputs that were `"piped"`; the others are null. */
export interface SandboxCommandResult {
  /** How it ended. */
  status: {
    /** Whether it ended with code 0. */
    success: boolean;
    /** Exit code; 128 + n when signal n ended it. */
    code: number;
    /** Whether it ran out of memory. */
    oom: boolean;
    /** The sandbox's memory in MiB, told when it ran out. */
    memoryMiB?: number;
  };
  /** Its standard output, as UTF-8 text. */
  stdoutText: string | null;
  /** Its standard error, as UTF-8 text. */
  stderrText: string | null;
  /** Bytes of its standard output. */
  stdout: Uint8Array | null;
  /** Bytes of its standard error. */
  stderr: Uint8Array | null;
}

/** What becomes of an output: printed here, kept for the result, or thrown away. */
export type ShellPipeKind = "inherit" | "piped" | "null";
