/**
 * Files that are replaced or created atomically: a reader sees all of the old content or all of the new, whatever
 * happens in between.
 */
import { randomUUID } from "node:crypto";
import { link, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf } from "../errno.ts";
import { syncPath } from "./sync.ts";

/** Readable and writable by the owner only. */
const PRIVATE = 0o600;

export interface WriteOptions {
  /** Permissions of the file, whatever the umask; by default only its owner may read and write it (0600). */
  mode?: number;
  /**
   * Whether file and directory are synced, so that the new content also survives a power cut once the promise resolves.
   * Default true. Turn it off only for content that means nothing after a restart of the computer, such as a process
   * id.
   */
  durable?: boolean;
}

/**
 * Replaces a file atomically. The content is written to a new file in the same directory, which is then renamed: a
 * symbolic link at the path is replaced, never followed. If several processes write at the same time, the last one
 * wins.
 *
 * @throws the operating system's error; the file then has its old content, or all of the new
 */
export async function writeFileAtomically(
  path: string,
  content: string | Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  await throughTemporary(path, content, options, (temporary) => rename(temporary, path));
}

/**
 * Creates a file atomically, unless something already exists at the path.
 *
 * @returns whether this call created it
 */
export async function createFileAtomically(
  path: string,
  content: string | Uint8Array,
  options: WriteOptions = {},
): Promise<boolean> {
  let created = true;
  await throughTemporary(path, content, options, async (temporary) => {
    // Unlike rename(2), link(2) fails if the path exists.
    await link(temporary, path).catch((error: unknown) => {
      if (errnoOf(error) !== "EEXIST") throw error;
      created = false;
    });
    await rm(temporary);
  });
  return created;
}

async function throughTemporary(
  path: string,
  content: string | Uint8Array,
  { mode = PRIVATE, durable = true }: WriteOptions,
  publish: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    // "x" (O_EXCL) fails if anything exists at the path, including a symbolic link.
    const file = await open(temporary, "wx", mode);
    try {
      await file.chmod(mode);
      await file.writeFile(content);
      if (durable) await file.sync();
    } finally {
      await file.close();
    }
    await publish(temporary);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  // The new name is durable once the directory is synced.
  if (durable) await syncPath(dirname(path));
}
