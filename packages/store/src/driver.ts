/**
 * What the store's queries need of a database. They are written once, in SQL that SQLite and PostgreSQL both understand,
 * with `?` for parameters; each database has its driver and its migrations.
 */
export interface SqlDriver {
  /** Reads. Sees every write that was already answered. */
  query<Row extends object>(sql: string, params: readonly SqlValue[]): Promise<Row[]>;
  /**
   * Runs all statements, or none. Resolves when they are on disk, with the number of rows that each changed.
   *
   * @throws {UniqueViolation} if one of them repeats a value that must be unique
   * @throws {NothingChanged} if one that {@link mustChange} has marked changes no row
   */
  write(...statements: Statement[]): Promise<number[]>;
  /** Finishes pending work and closes the database. What comes later is rejected. */
  close(): Promise<void>;
}

export type SqlValue = string | number | null;

export interface Statement {
  sql: string;
  params: readonly SqlValue[];
  mustChange?: true;
}

/** A statement, as queries write it. */
export function sql(text: string, ...params: SqlValue[]): Statement {
  return { sql: text, params };
}

/** The same statement; if it changes no row, its whole write fails. */
export function mustChange(statement: Statement): Statement {
  return { ...statement, mustChange: true };
}
