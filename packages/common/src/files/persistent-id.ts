/** An id that a program generates once and keeps in a file. */
import { randomBytes } from "node:crypto";
import { createFileAtomically } from "./atomic-file.ts";
import { readOwnFile } from "./own-file.ts";

/** Length that makes ids of different installations unique. */
const RANDOM_BYTES = 10;

/**
 * Reads the id from the file; generates it if the file is missing.
 *
 * @param prefix such as `host`: the id is `host_` and 20 hexadecimal digits
 * @throws if the file contains anything else, or others can write it
 */
export async function persistentId(path: string, prefix: string): Promise<string> {
  await createFileAtomically(path, `${prefix}_${randomBytes(RANDOM_BYTES).toString("hex")}\n`);
  const id = (await readOwnFile(path))?.trim() ?? "";
  if (!new RegExp(`^${prefix}_[0-9a-f]{${RANDOM_BYTES * 2}}$`).test(id)) {
    throw new Error(
      `${path} must hold an id of the form ${prefix}_…, and nobody else may write it. Restore it from a backup.`,
    );
  }
  return id;
}
