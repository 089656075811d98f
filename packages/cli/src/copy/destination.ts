import { posix } from "node:path";
import type { Sandbox } from "sandkeep";

/** Whether a path in a sandbox is a directory; false if it does not exist. */
export async function isRemoteDirectory(sandbox: Sandbox, path: string): Promise<boolean> {
  try {
    return (await sandbox.fs.stat(path)).isDirectory;
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return false;
    throw error;
  }
}

/**
 * Where a source with this name goes, like cp(1): into a destination that is a directory or ends with a slash, otherwise to
 * the destination itself. A source that ends with `/.` has no name: its content goes to the destination.
 */
export async function remoteTarget(sandbox: Sandbox, destination: string, name: string): Promise<string> {
  if (name === "") return destination;
  const into = destination.endsWith("/") || (await isRemoteDirectory(sandbox, destination));
  return into ? posix.join(destination, name) : destination;
}
