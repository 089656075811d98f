import { openSync, renameSync, statSync } from "node:fs";
import { daemonLog } from "../paths.ts";

/** A log that is larger than this when the server starts is rotated, in bytes; so at most twice this is kept. */
const MAX_LOG_BYTES = 16 * 2 ** 20;

/** Opens the log of the server in the background, for appending. @returns a file descriptor */
export function openDaemonLog(dataDir: string): number {
  const file = daemonLog(dataDir);
  try {
    if (statSync(file).size > MAX_LOG_BYTES) renameSync(file, `${file}.1`);
  } catch {
    // There is no log yet.
  }
  return openSync(file, "a", 0o600);
}
