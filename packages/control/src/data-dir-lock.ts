import { join } from "node:path";
import { type FileLock, tryLockFile } from "@sandkeep/common";
import { ConfigError } from "./config/load.ts";

/**
 * Makes sure that only one server uses a data directory.
 *
 * @throws {ConfigError} if another server uses it
 */
export async function lockDataDir(dataDir: string): Promise<FileLock> {
  const lock = await tryLockFile(join(dataDir, "lock"));
  if (lock) return lock;
  throw new ConfigError(
    `Another Sandkeep server uses the data directory ${dataDir}. Stop it, or choose another with --data-dir.`,
  );
}
