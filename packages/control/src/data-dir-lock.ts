import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { ConfigError } from "./config/load.ts";

/**
 * Makes sure that only one server uses a data directory: the lock is SQLite's own on an empty database, which the kernel
 * gives up when the process ends in whatever way. Returns how to give it up before.
 *
 * @throws {ConfigError} if another server has it.
 */
export function lockDataDir(dataDir: string): () => void {
  const db = new DatabaseSync(join(dataDir, "lock"), { timeout: 0 });
  try {
    db.exec("BEGIN EXCLUSIVE");
  } catch {
    db.close();
    throw new ConfigError(
      `Another Sandkeep server uses the data directory ${dataDir}. Stop it, or choose another with --data-dir.`,
    );
  }
  return () => db.close();
}
