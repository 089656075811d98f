import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** Longest file that is read by default, in bytes: records are short. */
const MAX_BYTES = 64 * 1024;

/** Does not follow symbolic links, and does not wait for the other end of a named pipe. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a file that only this user can have written. Null if it is missing, too long, another user's, writable by others, or not a regular
 * file (a symbolic link, a directory, a pipe).
 */
export async function readOwnFile(path: string, { maxBytes = MAX_BYTES } = {}): Promise<string | null> {
  const file = await open(path, READ).catch(() => null);
  if (!file) return null;
  try {
    const stat = await file.stat();
    const own = stat.isFile() && stat.uid === process.getuid!() && (stat.mode & 0o022) === 0 && stat.size <= maxBytes;
    return own ? await file.readFile("utf8") : null;
  } finally {
    await file.close();
  }
}
