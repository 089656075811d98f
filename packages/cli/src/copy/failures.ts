import { fromSdkError } from "../client/sdk-error.ts";
import { CliError, ExitCode } from "../errors.ts";

/** An error of a local system call. */
interface SystemError extends Error {
  code: string;
  syscall: string;
}

/**
 * Copies, and converts errors into the command line's: errors of local files, of files in the sandbox, and invalid archives.
 * @throws {CliError}
 */
export async function copying(
  work: () => Promise<void>,
  interrupted: () => NodeJS.Signals | undefined = () => undefined,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const signal = interrupted();
    if (signal)
      throw new CliError("INTERRUPTED", "copying was interrupted; what was copied completely stays", {
        exitCode: signal === "SIGINT" ? 130 : 143,
        cause: error,
      });
    throw described(error);
  }
}

function described(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof CliError) return error;
  const known = fromSdkError(error);
  if (known) return known;
  const { code, syscall, name, message } = error as SystemError;
  if (typeof syscall === "string" && /^E[A-Z0-9]+$/.test(String(code))) {
    return new CliError(code, `a file on this machine: ${message}`, {
      exitCode: code === "ENOENT" ? ExitCode.notFound : ExitCode.failed,
      cause: error,
    });
  }
  if (name === "ArchiveError")
    return new CliError("BAD_ARCHIVE", message, {
      hint: "the sandbox may have tampered with its agent; nothing was written outside the destination",
      cause: error,
    });
  return error;
}
