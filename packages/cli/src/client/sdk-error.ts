import { CliError, ExitCode } from "../errors.ts";
import { exitCodeOf } from "./refusal.ts";

/**
 * The fields of the SDK's errors that are used here. They are recognised by name, so that the SDK need not be loaded for
 * it.
 */
interface SdkError extends Error {
  status?: number;
  code?: number | string;
  reason?: string;
}

/** The command line's error for an error of the SDK; undefined for any other error. */
export function fromSdkError(error: unknown): CliError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { name, message, status, code, reason } = error as SdkError;
  switch (name) {
    case "ConnectionEstablishmentError":
    case "ClientError":
      // The SDK appends status, code and trace id for logs; here the code is shown beside the message.
      return new CliError(String(code), message.replace(/ \((status|Trace ID): [^()]*\)$/, ""), {
        exitCode: exitCodeOf(status ?? 0),
        cause: error,
      });
    case "InvalidTokenError":
      return new CliError("INVALID_TOKEN", message, { exitCode: ExitCode.denied, cause: error });
    case "ConnectionClosedError":
      return new CliError("SANDBOX_GONE", `the sandbox's connection was closed${reason ? `: ${reason}` : ""}`, {
        hint: "`sandkeep events` shows why",
        cause: error,
      });
    case "NetworkError":
      return new CliError("UNREACHABLE", message, {
        hint: "check that the server is running and that its address is right; for a server on this machine, see `sandkeep doctor`",
        exitCode: ExitCode.unreachable,
        cause: error,
      });
    case "InvalidMemoryError":
    case "InvalidTimeoutError":
    case "InvalidSandboxEndpoint":
    case "InvalidApiEndpoint":
      return new CliError("USAGE", message, { exitCode: ExitCode.usage, cause: error });
    case "SandboxKillError":
      return new CliError("KILL_FAILED", message, { exitCode: exitCodeOf(status ?? 0), cause: error });
    default:
      // Errors from the guest have the name of an errno; the message is sufficient.
      if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code) && /\(os error \d+\)/.test(message))
        return new CliError(code, message, {
          exitCode: code === "ENOENT" ? ExitCode.notFound : ExitCode.failed,
          cause: error,
        });
      return undefined;
  }
}
