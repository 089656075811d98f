import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, test } from "node:test";
import { appSuite } from "./apps/suite.ts";
import { doorSuite } from "./doors/suite.ts";
import { migrate } from "./migrations/sqlite.ts";
import { sandboxSuite } from "./sandbox-suite.ts";
import { SqliteDriver } from "./sqlite.ts";
import { diskSuite } from "./storage/suite.ts";
import { storeOn } from "./store.ts";
import { storeSuite } from "./suite.ts";

for (const suite of [storeSuite, sandboxSuite, diskSuite, doorSuite, appSuite])
  suite("SQLite in memory", async () => storeOn(new SqliteDriver(":memory:")));

const dir = await mkdtemp(join(tmpdir(), "sandkeep-store-"));
after(() => rm(dir, { recursive: true }));
let files = 0;
for (const suite of [storeSuite, sandboxSuite, diskSuite, doorSuite, appSuite])
  suite("SQLite in a file", async () => storeOn(new SqliteDriver(join(dir, `${++files}.db`))));

test("what was acknowledged is there after the process was killed", async () => {
  const path = join(dir, "killed.db");
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv.filter((arg) => arg.startsWith("--conditions")),
      "--input-type=module",
      "--eval",
      `import { SqliteDriver } from ${JSON.stringify(new URL("./sqlite.ts", import.meta.url).href)};
       import { storeOn } from ${JSON.stringify(new URL("./store.ts", import.meta.url).href)};
       const store = storeOn(new SqliteDriver(${JSON.stringify(path)}));
       for (let i = 0; ; i++) {
         await store.organisations.insert({ id: String(i), slug: "o" + i, name: "", createdAt: i });
         process.stdout.write(i + "\\n");
       }`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
    if (output.length > 200) child.kill("SIGKILL");
  });
  await once(child, "close");
  const acknowledged = output.split("\n").slice(0, -1).length;
  const store = storeOn(new SqliteDriver(path));
  const kept = await store.organisations.list();
  await store[Symbol.asyncDispose]();
  assert.ok(acknowledged > 10);
  assert.ok(kept.length >= acknowledged, `${kept.length} of ${acknowledged}`);
});

test("a database of a newer version is refused", () => {
  const path = join(dir, "newer.db");
  void new SqliteDriver(path).close();
  const db = new DatabaseSync(path);
  db.exec("INSERT INTO migrations VALUES (9999, 'from-the-future', 0)");
  db.close();
  assert.throws(() => new SqliteDriver(path), /newer Sandkeep/);
});

test("of two servers that start on a new database at the same time, both find it migrated", async () => {
  const path = join(dir, "two-starts.db");
  /** Gets its turn to write only when another server has migrated the database. */
  class Later extends DatabaseSync {
    #first = true;
    override exec(sql: string): void {
      if (this.#first && sql === "BEGIN IMMEDIATE") {
        this.#first = false;
        void new SqliteDriver(path).close();
      }
      super.exec(sql);
    }
  }
  const db = new Later(path);
  migrate(db);
  const versions = db.prepare("SELECT version FROM migrations ORDER BY version").all();
  db.close();
  assert.equal(new Set(versions.map(({ version }) => version)).size, versions.length);
  assert.ok(versions.length >= 4);
});

test("tokens from before there were scopes may do what they could do", async () => {
  const path = join(dir, "former.db");
  const db = new DatabaseSync(path);
  db.exec(
    "CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
  );
  for (const [at, name] of ["0001-start.sql", "0002-egress.sql"].entries()) {
    db.exec(await readFile(new URL(`./migrations/sqlite/${name}`, import.meta.url), "utf8"));
    db.prepare("INSERT INTO migrations VALUES (?, ?, 0)").run(at + 1, name);
  }
  db.exec(`INSERT INTO organisations VALUES ('o', 'acme', 'acme', 1);
    INSERT INTO tokens VALUES ('tok_1', 'o', 'root', 'ddo_a', 'hash-1', 1, 1, 5, NULL, NULL), ('tok_2', 'o', 'ci', 'ddo_b', 'hash-2', 0, 2, NULL, 9, 7)`);
  db.close();
  await using store = storeOn(new SqliteDriver(path));
  assert.deepEqual(
    (await store.tokens.list(null)).map(({ id, scope }) => [id, scope]),
    [
      ["tok_1", "admin"],
      ["tok_2", "manage"],
    ],
  );
  const { expiresAt, revokedAt, lastUsedAt } = (await store.tokens.findByHash("hash-2"))!;
  assert.deepEqual([expiresAt, revokedAt, lastUsedAt], [9, 7, null]);
});

test("what ran before there were leases goes to the first who claims it, with the key of secrets", async () => {
  const path = join(dir, "before-leases.db");
  const db = new DatabaseSync(path);
  db.exec(
    "CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT",
  );
  for (const [at, name] of ["0001-start.sql", "0002-egress.sql", "0003-scopes.sql"].entries()) {
    db.exec(await readFile(new URL(`./migrations/sqlite/${name}`, import.meta.url), "utf8"));
    db.prepare("INSERT INTO migrations VALUES (?, ?, 0)").run(at + 1, name);
  }
  db.exec(`INSERT INTO organisations VALUES ('o', 'acme', 'acme', 1);
    INSERT INTO sealing VALUES (1, 'sealed');
    INSERT INTO sandboxes VALUES ('a', 'o', 'ord', 'running', 1280, 1, 2, NULL, NULL, '{}', '{}'),
      ('b', 'o', 'ord', 'stopped', 1280, 1, 2, 2, 'timeout', '{}', '{}')`);
  db.close();
  await using store = storeOn(new SqliteDriver(path));
  assert.deepEqual(await store.sandboxes.running("cp_1"), []);
  assert.equal(await store.sandboxes.claimUnowned({ owner: "cp_1", host: "host_1", expiresAt: 9 }), 1);
  assert.equal(await store.sandboxes.claimUnowned({ owner: "cp_2", host: "host_2", expiresAt: 9 }), 0);
  assert.deepEqual(
    (await store.sandboxes.running("cp_1")).map(({ record, host }) => [record.id, host]),
    [["a", "host_1"]],
  );
  assert.equal(await store.sealing.probe("cp_1"), "sealed");
});

test("what comes after it was closed is rejected, and harms nothing", async () => {
  const store = storeOn(new SqliteDriver(join(dir, "closed.db")));
  await store[Symbol.asyncDispose]();
  await assert.rejects(store.organisations.insert({ id: "1", slug: "one", name: "", createdAt: 1 }), /is closed/);
  await assert.rejects(store.organisations.list());
});

test("waits with closing until the last write is on disk", async () => {
  const path = join(dir, "closing.db");
  const store = storeOn(new SqliteDriver(path));
  const written = store.organisations.insert({ id: "1", slug: "one", name: "", createdAt: 1 });
  await store[Symbol.asyncDispose]();
  await written;
  const again = storeOn(new SqliteDriver(path));
  assert.equal((await again.organisations.list()).length, 1);
  await again[Symbol.asyncDispose]();
});
