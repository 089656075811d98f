import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/** How often a lock that somebody holds is tried again. */
const RETRY_MS = 50;

/**
 * Takes a lock that the kernel gives up when this process ends, in whatever way: SQLite's own, on an empty database.
 * @param stillWanted asked before each try; when it says no, the lock is not taken
 * @returns what gives the lock up, or undefined when it was no longer wanted
 */
export async function takeLock(file: string, stillWanted: () => boolean): Promise<Disposable | undefined> {
  const { DatabaseSync } = await import("node:sqlite");
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  while (stillWanted()) {
    const db = new DatabaseSync(file, { timeout: 0 });
    try {
      db.exec("BEGIN EXCLUSIVE");
      return { [Symbol.dispose]: () => db.close() };
    } catch (error) {
      db.close();
      if (!/locked/.test((error as Error).message)) throw error;
      await wait(RETRY_MS);
    }
  }
  return undefined;
}
