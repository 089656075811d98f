import { CliError, ExitCode } from "../errors.ts";

/** The exit code for an HTTP status. */
export function exitCodeOf(status: number): number {
  if (status === 400) return ExitCode.usage;
  if (status === 401 || status === 403) return ExitCode.denied;
  if (status === 404) return ExitCode.notFound;
  if (status === 409) return ExitCode.conflict;
  if (status === 429 || status === 503) return ExitCode.limit;
  return ExitCode.failed;
}

/** What the server said no to. Its message says what to do, too. */
export function refusal(status: number, body: string): CliError {
  let code = `HTTP_${status}`;
  let message = body.trim() || `the server answered with status ${status}`;
  try {
    const json = JSON.parse(body) as { code?: string; message?: string };
    code = json.code ?? code;
    message = json.message ?? message;
  } catch {
    // Not from Sandkeep: a proxy's words, perhaps.
  }
  return new CliError(code, message, { exitCode: exitCodeOf(status) });
}
