import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpDoors } from "@sandkeep/doors";
import type { TimelineRecord } from "@sandkeep/store";
import { pino } from "pino";
import { Addresses } from "../../doors/addresses.ts";
import { AppDoors } from "./app-doors.ts";

/** Addresses of apps whose timelines a test changes; no server runs. */
class Apps {
  /** Slug and revision in production, by app. */
  readonly stored = new Map<string, { slug: string; revision: string }>();
  /** Awaited after the store has been read. */
  gate = async () => {};
  reads = 0;
  readonly doors: AppDoors;

  constructor() {
    const timelines = async ({ app }: { app: string }) => {
      this.reads++;
      const found = this.stored.get(app);
      await this.gate();
      if (!found) return [];
      const organisation = { id: `org_${app}`, slug: app };
      const rest = { slug: "production", context: "production", previous: null, since: 0 };
      return [{ ...rest, app: { id: app, slug: found.slug }, organisation, revision: found.revision }];
    };
    const context = {
      // It does not answer, so that a server that is started stays busy.
      store: { revisions: { timelines, find: () => new Promise<TimelineRecord>(() => {}) } },
      addresses: new Addresses("localhost"),
      limits: { startTimeoutMs: 1_000 },
      log: pino({ level: "silent" }),
    };
    const others = { find: () => undefined } as unknown as HttpDoors;
    this.doors = new AppDoors(context as unknown as ConstructorParameters<typeof AppDoors>[0], others);
  }

  at(name: string): string | undefined {
    return this.doors.find(`${name}.localhost`)?.sandboxId;
  }
}

test("visitors of an app that is renamed stay", async () => {
  const apps = new Apps();
  apps.stored.set("one", { slug: "a", revision: "r1" });
  await apps.doors.refresh("one");
  const door = apps.doors.find("a.localhost")!;
  let left = false;
  apps.doors.onClose(door, () => (left = true));
  for (const slug of ["b", "c", "a", "d"]) {
    apps.stored.set("one", { slug, revision: "r1" });
    await apps.doors.refresh("one");
    assert.equal(apps.doors.find(`${slug}.localhost`), door);
    assert.equal(door.host, `${slug}.localhost`);
  }
  assert.deepEqual([apps.at("a"), apps.at("b"), apps.at("c"), left], [undefined, undefined, undefined, false]);
  await apps.doors.close();
  assert.ok(left);
});

test("a name that goes to another app leads to that, however slowly the former one's addresses are read", async () => {
  const apps = new Apps();
  apps.stored.set("one", { slug: "a", revision: "r1" });
  const read = Promise.withResolvers<void>();
  apps.gate = () => read.promise;
  const slow = apps.doors.refresh("one");
  await new Promise(setImmediate);
  assert.equal(apps.reads, 1);
  apps.gate = async () => {};
  apps.stored.set("one", { slug: "b", revision: "r1" });
  apps.stored.set("two", { slug: "a", revision: "r2" });
  const others = [apps.doors.refresh("two"), apps.doors.refresh("one")];
  await new Promise(setImmediate);
  read.resolve();
  await Promise.all([slow, ...others]);
  assert.deepEqual([apps.at("a"), apps.at("b")], ["two", "one"]);
  await apps.doors.close();
});

test("addresses that cannot be read are read again", async ({ mock }) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const apps = new Apps();
  apps.stored.set("one", { slug: "a", revision: "r1" });
  apps.gate = () => Promise.reject(new Error("the disk is full"));
  await Promise.all([apps.doors.refresh("one"), apps.doors.refresh("one")]);
  assert.deepEqual([apps.at("a"), apps.reads], [undefined, 2]);
  apps.gate = async () => {};
  mock.timers.tick(1_000);
  await new Promise(setImmediate);
  assert.deepEqual([apps.at("a"), apps.reads], ["one", 3]);
  await apps.doors.close();
});

test("whoever visits a former revision has ten minutes, and one that nobody visits is left soon", async ({ mock }) => {
  mock.timers.enable({ apis: ["setInterval"] });
  const apps = new Apps();
  const left: string[] = [];
  for (const revision of ["busy", "idle", "now"]) {
    apps.stored.set("one", { slug: "a", revision });
    await apps.doors.refresh("one");
    apps.doors.onClose(apps.doors.find("a.localhost")!, () => left.push(revision));
    if (revision === "busy") apps.doors.warm("a");
  }
  mock.timers.tick(1_000);
  assert.deepEqual(left, []);
  mock.timers.tick(1_000);
  assert.deepEqual(left, ["idle"]);
  mock.timers.tick(590_000);
  assert.deepEqual(left, ["idle"]);
  mock.timers.tick(10_000);
  assert.deepEqual(left, ["idle", "busy"]);
  assert.equal(apps.at("a"), "one");
});
