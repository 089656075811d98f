import { CliError, ExitCode } from "../errors.ts";

/** The exit code for an HTTP status. */
export function exitCodeOf(status: number): number {
  if (status === 400) return ExitCode.usage;
  if (status === 401 || status === 403) return ExitCode.denied;
  if (status === 404) return ExitCode.notFound;
  if (status === 409) return ExitCode.conflict;
  if (status === 429 || status === 503 || status === 507) return ExitCode.limit;
  return ExitCode.failed;
}

/** A refusal of the server as an error. The server's message also says what to do. */
export function refusal(status: number, body: string): CliError {
  let code = `HTTP_${status}`;
  let message = body.trim() || `the server answered with status ${status}`;
  try {
    const json = JSON.parse(body) as { code?: string; message?: string };
    code = json.code ?? code;
    message = json.message ?? message;
  } catch {
    // Not from Sandkeep, but perhaps from a proxy in between.
  }
  return new CliError(code, message, { exitCode: exitCodeOf(status) });
}
