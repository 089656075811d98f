import { constants } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { errnoOf } from "../errno.ts";

/** Longest file that is read by default, in bytes: records are short. */
const MAX_BYTES = 64 * 1024;

/** Does not follow symbolic links, and does not wait for the other end of a named pipe. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What the operating system says of a path where no file of this user can be: nothing, a link, a socket. */
const NOT_OWN = new Set(["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"]);

/**
 * Reads a file that only this user can have written. Null if it is missing, too long, another user's, writable by others, or not a regular
 * file (a symbolic link, a directory, a pipe).
 *
 * @param options.secret null also for a file that others can read
 * @throws if it cannot be read now, which says nothing about the file: no descriptor is left, the disk fails, or something
 * forbids this user to read his own file
 */
export async function readOwnFile(path: string, { maxBytes = MAX_BYTES, secret = false } = {}): Promise<string | null> {
  const file = await open(path, READ).catch(async (error: unknown) => {
    const code = errnoOf(error) ?? "";
    if (NOT_OWN.has(code) || (code === "EACCES" && !(await mayBeOwn(path)))) return null;
    throw error;
  });
  if (!file) return null;
  try {
    const stat = await file.stat();
    const forbidden = secret ? 0o077 : 0o022;
    const own =
      stat.isFile() && stat.uid === process.getuid!() && (stat.mode & forbidden) === 0 && stat.size <= maxBytes;
    return own ? await file.readFile("utf8") : null;
  } finally {
    await file.close();
  }
}

/** False if there is none, or it is another user's; true if that cannot be known. */
async function mayBeOwn(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).uid === process.geteuid!();
  } catch (error) {
    return errnoOf(error) === "EACCES";
  }
}
