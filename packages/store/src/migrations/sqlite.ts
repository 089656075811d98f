import { readdirSync, readFileSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";

const FOLDER = new URL("./sqlite/", import.meta.url);
/** `0001-start.sql`: the version, then a description. */
const FILE_NAME = /^(\d{4})-[a-z0-9-]+\.sql$/;

/**
 * Brings a database to the newest version, each step in a transaction of its own.
 *
 * @throws if a newer Sandkeep has already migrated it further.
 */
export function migrate(db: DatabaseSync): void {
  db.exec(
    "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
  );
  const applied = new Set(
    db
      .prepare("SELECT version FROM migrations")
      .all()
      .map(({ version }) => Number(version)),
  );
  const current = Math.max(0, ...applied);
  const files = readdirSync(FOLDER)
    .filter((name) => FILE_NAME.test(name))
    .sort();
  const newest = versionOf(files.at(-1)!);
  if (current > newest) {
    throw new Error(
      `The database was written by a newer Sandkeep (schema version ${current}; this one knows ${newest}). Upgrade Sandkeep, or use another data directory.`,
    );
  }
  for (const name of files.filter((name) => !applied.has(versionOf(name)))) {
    const version = versionOf(name);
    db.exec("BEGIN IMMEDIATE");
    try {
      // Another server that starts on the same database may just have done it.
      if (!db.prepare("SELECT 1 FROM migrations WHERE version = ?").get(version)) {
        db.exec(readFileSync(new URL(name, FOLDER), "utf8"));
        db.prepare("INSERT INTO migrations VALUES (?, ?, ?)").run(version, name, Date.now());
      }
      db.exec("COMMIT");
    } catch (error) {
      db.exec("ROLLBACK");
      throw new Error(`Migration ${name} failed: ${String(error)}`, { cause: error });
    }
  }
}

function versionOf(name: string): number {
  return Number(FILE_NAME.exec(name)?.[1]);
}
