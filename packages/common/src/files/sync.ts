import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** Waits until a directory's entries are on disk: a file that was created or renamed survives a power cut only then (fsync(2)). */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.sync();
}
