import type { Store } from "./contract.ts";
import { SqliteDriver } from "./sqlite.ts";
import { storeOn } from "./store.ts";

/** Where a store keeps its data: which database, and its location. */
export interface StoreLocation {
  /** Path of a SQLite database file, created if missing; or `:memory:`. */
  sqlite: string;
}

/**
 * Opens the store and brings its database to the newest migration. Nobody else knows which databases there are.
 *
 * @throws {Error} for a database that a newer Sandkeep has migrated
 */
export function openStore({ sqlite }: StoreLocation): Store {
  return storeOn(new SqliteDriver(sqlite));
}
