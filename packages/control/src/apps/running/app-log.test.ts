import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { openStore, type Store } from "@sandkeep/store";
import { AppLog } from "./app-log.ts";

const REVISION = "r";
let store: Store;
beforeEach(async () => {
  store = openStore({ sqlite: ":memory:" });
  await store.organisations.insert({ id: "o", slug: "o", name: "o", createdAt: 1 });
  for (const id of ["loud", "quiet"])
    await store.apps.insert(
      {
        id,
        organisation: "o",
        slug: id,
        labels: {},
        envVars: [],
        config: {},
        layers: [],
        createdAt: 1,
        updatedAt: 1,
      },
      9,
    );
});
afterEach(() => store[Symbol.asyncDispose]());

const linesOf = (app: string) => store.apps.logs.list(app, { since: 0, limit: 20_000 });

for (const [what, line, most] of [
  ["lines", "x", 200],
  ["bytes", "\ufffd".repeat(4_096), 21],
] as const)
  test(`an app that prints too many ${what} in a second loses the rest, is told so, and nobody else does`, async () => {
    {
      await using log = new AppLog(store.apps.logs, 10_000, silentLogger);
      for (let count = 0; count < 5_000; count++) log.add("loud", REVISION, "info", line);
      log.add("quiet", REVISION, "error", "still heard");
      await log.flush();
      assert.equal((await linesOf("loud")).length, most);
      assert.deepEqual(
        (await linesOf("quiet")).map(({ message }) => message),
        ["still heard"],
      );
    }
    const last = (await linesOf("loud")).at(-1)!;
    assert.equal(last.level, "warn");
    assert.match(last.message, new RegExp(`^${5_000 - most} more lines are not kept`));
  });

test("an app that prints very fast is read no further in the same second", async () => {
  await using log = new AppLog(store.apps.logs, 100, silentLogger);
  await log.room("loud", 4 * 1024 * 1024);
  let read = false;
  const more = log.room("loud", 1).then(() => {
    read = true;
  });
  await log.room("quiet", 1);
  await log.flush();
  assert.equal(read, false);
  await log[Symbol.asyncDispose]();
  await more;
});

test("no more bytes of an app are kept than a kilobyte for each line, also of what was there before a start", async () => {
  const message = "x".repeat(4_000);
  const line = { app: "loud", revision: REVISION, time: 1, level: "info" as const, message };
  await store.apps.logs.append(Array.from({ length: 90 }, () => line));
  await using log = new AppLog(store.apps.logs, 100, silentLogger);
  log.add("loud", REVISION, "info", "newest");
  await log.flush();
  const lines = await linesOf("loud");
  assert.equal(lines.length, 26);
  assert.equal(lines.at(-1)!.message, "newest");
});
