import { constants } from "node:fs";
import { open } from "node:fs/promises";

/**
 * Waits until a file's content, or a directory's entries, are on disk (fsync(2)). A created or renamed file survives a
 * power cut only once its directory is synced too.
 */
export async function syncPath(path: string): Promise<void> {
  await using file = await open(path, constants.O_RDONLY);
  await file.sync();
}
