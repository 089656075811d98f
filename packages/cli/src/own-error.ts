import { CliError } from "./errors.ts";

/** Errors of the server and the host whose messages are written for the user. */
const WRITTEN_FOR_USERS: Record<string, string> = {
  ConfigError: "CONFIG",
  ImageError: "IMAGE",
  NoCapacity: "NO_CAPACITY",
  PreconditionError: "HOST_NOT_READY",
};

/** The command line's error for an error of the server or the host in this process; undefined for any other error. */
export function fromOwnName(error: unknown): CliError | undefined {
  const code = error instanceof Error && WRITTEN_FOR_USERS[error.name];
  if (!code) return undefined;
  const { repair } = error as { repair?: string };
  return new CliError(code, error.message, { hint: repair ?? "see `sandkeep doctor`", cause: error });
}
