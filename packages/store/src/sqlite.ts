import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { NothingChanged, UniqueViolation } from "./contract.ts";
import type { SqlDriver, SqlValue, Statement } from "./driver.ts";
import { migrate } from "./migrations/sqlite.ts";

/** Milliseconds to wait for another process that uses the database, such as a backup. */
const BUSY_TIMEOUT_MS = 5_000;

/** SQLite's name for a database without a file. */
const MEMORY = ":memory:";
const OWNER_ONLY = 0o600;

interface Job {
  statements: Statement[];
  resolve(changes: number[]): void;
  reject(error: unknown): void;
}

/**
 * SQLite in a file, through Node's own binding, whose calls block. Reads take microseconds. A commit waits for the disk
 * (`synchronous=FULL`, so that what was acknowledged survives a power cut), so the writes of one turn of the event loop
 * share one commit: a burst of requests costs one wait, not one each.
 */
export class SqliteDriver implements SqlDriver {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  #jobs: Job[] = [];
  #closed = false;

  /** @param path Path of the file, or `:memory:`. Applies all migrations. */
  constructor(path: string) {
    // Created here because SQLite would let everybody read it; SQLite's other files get the same mode.
    if (path !== MEMORY) closeSync(openSync(path, "a", OWNER_ONLY));
    this.#db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
    // Deleted data is overwritten, because the key of sealed secrets is stored next to the database.
    this.#db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;");
    migrate(this.#db);
  }

  async query<Row extends object>(sql: string, params: readonly SqlValue[]): Promise<Row[]> {
    return this.#prepared(sql).all(...params) as Row[];
  }

  write(...statements: Statement[]): Promise<number[]> {
    if (this.#closed) return Promise.reject(new Error("Nothing can be stored any more: the database is closed."));
    return new Promise((resolve, reject) => {
      this.#jobs.push({ statements, resolve, reject });
      if (this.#jobs.length === 1) setImmediate(() => this.#commit());
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#commit();
    this.#statements.clear();
    this.#db.close();
  }

  #commit(): void {
    const jobs = this.#jobs;
    if (jobs.length === 0) return;
    this.#jobs = [];
    const done: (() => void)[] = [];
    try {
      this.#run("BEGIN IMMEDIATE");
      for (const job of jobs) done.push(this.#attempt(job));
      this.#run("COMMIT");
    } catch (error) {
      for (const job of jobs) job.reject(error);
      this.#rollBack();
      return;
    }
    for (const answer of done) answer();
  }

  #rollBack(): void {
    try {
      if (this.#db.isTransaction) this.#run("ROLLBACK");
    } catch {
      // The next transaction cannot begin because of that, and tries this again.
    }
  }

  /** One job within the shared transaction: its failure undoes only its own statements. */
  #attempt(job: Job): () => void {
    this.#run("SAVEPOINT job");
    try {
      const changes = job.statements.map(({ sql, params, mustChange }) => {
        const changed = Number(this.#prepared(sql).run(...params).changes);
        if (mustChange && changed === 0) throw new NothingChanged(`nothing changed: ${sql}`);
        return changed;
      });
      this.#run("RELEASE job");
      return () => job.resolve(changes);
    } catch (error) {
      this.#run("ROLLBACK TO job");
      this.#run("RELEASE job");
      return () => job.reject(isUniqueViolation(error) ? new UniqueViolation(String(error), { cause: error }) : error);
    }
  }

  #run(sql: string): void {
    this.#prepared(sql).run();
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) this.#statements.set(sql, (statement = this.#db.prepare(sql)));
    return statement;
  }
}

/** SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_UNIQUE; and SQLITE_CONSTRAINT_TRIGGER: triggers only compare names of two tables. */
const UNIQUE_CODES = new Set([1555, 2067, 1811]);

function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && UNIQUE_CODES.has(error.errcode as number);
}
