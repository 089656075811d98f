import { posix } from "node:path";
import { errnoOf } from "@sandkeep/common";
import type { Sandbox } from "sandkeep";

/** Whether a path in a sandbox is a directory; false also when there is nothing. */
export async function isRemoteDirectory(sandbox: Sandbox, path: string): Promise<boolean> {
  try {
    return (await sandbox.fs.stat(path)).isDirectory;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

/**
 * Where a source of this name goes, as cp(1) has it: into a directory that exists or ends with a slash, else to the
 * destination's own name. A source that ends with `/.` has no name: what is in it goes to the destination.
 */
export async function remoteTarget(sandbox: Sandbox, destination: string, name: string): Promise<string> {
  if (name === "") return destination;
  const into = destination.endsWith("/") || (await isRemoteDirectory(sandbox, destination));
  return into ? posix.join(destination, name) : destination;
}
