import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { syncPath } from "@sandkeep/common";

/** Makes a folder that only this user can enter, and those above it; durable when this resolves. */
export async function makeFolder(path: string): Promise<void> {
  const first = (await mkdir(path, { recursive: true, mode: 0o700 })) ?? path;
  // A folder is on disk once the one that it is in is. It may have been made by a process that was killed before that.
  for (let at = path; at.length >= first.length; at = dirname(at)) await syncPath(dirname(at));
}
