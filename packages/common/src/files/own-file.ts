import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { errnoOf } from "../errno.ts";

/** Longest file that is read by default, in bytes: records are short. */
const MAX_BYTES = 64 * 1024;

/** Does not follow symbolic links, and does not wait for the other end of a named pipe. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What the operating system says of a path where no file of this user can be: nothing, a link, a socket, another user's file. */
const NOT_OWN = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO", "EACCES"]);

/**
 * Reads a file that only this user can have written. Null if it is missing, too long, another user's, writable by others, or not a regular
 * file (a symbolic link, a directory, a pipe).
 *
 * @throws if it cannot be read now, which says nothing about the file: no descriptor is left, or the disk fails
 */
export async function readOwnFile(path: string, { maxBytes = MAX_BYTES } = {}): Promise<string | null> {
  const file = await open(path, READ).catch((error: unknown) => {
    if (NOT_OWN.has(errnoOf(error) ?? "")) return null;
    throw error;
  });
  if (!file) return null;
  try {
    const stat = await file.stat();
    const own = stat.isFile() && stat.uid === process.getuid!() && (stat.mode & 0o022) === 0 && stat.size <= maxBytes;
    return own ? await file.readFile("utf8") : null;
  } finally {
    await file.close();
  }
}
