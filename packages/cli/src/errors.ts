/** Exit codes of `sandkeep`, other than those passed on from a command in a sandbox. Documented in docs/cli.md. */
export const ExitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  denied: 4,
  conflict: 5,
  limit: 6,
  unreachable: 7,
  /** `run`, `exec`: the sandbox's lifetime ended before the command did (the code of timeout(1)). */
  timedOut: 124,
  /**
   * `run`, `exec`, `shell`: Sandkeep itself failed, not the command. Codes 124 to 127 are as in timeout(1), env(1) and
   * docker.
   */
  ownFailure: 125,
  /** `run`, `exec`: the command exists but cannot be executed. */
  cannotExecute: 126,
  /** `run`, `exec`: there is no such command in the sandbox. */
  commandNotFound: 127,
} as const;

/** An error for the user: what happened, and what to do about it. */
export class CliError extends Error {
  override name = "CliError";
  /** A code from the error catalogue, or one of the command line's own. */
  readonly code: string;
  /** What to do, as one sentence without a full stop. */
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(code: string, message: string, options: { hint?: string; exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? ExitCode.failed;
  }
}

/** The command line is invalid. */
export class UsageError extends CliError {
  override name = "UsageError";
  constructor(message: string, hint?: string) {
    super("USAGE", message, { ...(hint && { hint }), exitCode: ExitCode.usage });
  }
}
