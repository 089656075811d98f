import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { KeyedQueue, silentLogger } from "@sandkeep/common";
import type { ErrorBody, SandboxEvent, Volume } from "@sandkeep/protocol";
import { type DiskRecord, openStore } from "@sandkeep/store";
import { parseConfig } from "../config/load.ts";
import { EventBus } from "../events/bus.ts";
import { Hosts } from "../hosts.ts";
import { Fixture } from "../testing/fixture.ts";
import { ProcessHost } from "../testing/process-host.ts";
import type { StorageContext } from "./context.ts";
import { Holders } from "./holders.ts";
import { Transfers } from "./transfer/transfers.ts";
import { Upkeep } from "./upkeep.ts";

describe("after a restart", async () => {
  const create = (fixture: Fixture, slug: string) =>
    fixture.request("POST", "/api/v2/volumes", { body: { slug, region: "ord", capacity: "1GB" } });

  test("volumes and snapshots are as they were", async () => {
    await using fixture = await Fixture.start();
    await create(fixture, "data");
    await fixture.request("POST", "/api/v2/volumes/data/snapshot", { body: { slug: "data-1" } });
    const before = [await fixture.get("/api/v2/volumes"), await fixture.get("/api/v2/snapshots")];
    await fixture.server.close();
    await fixture.start();
    assert.deepEqual([await fixture.get("/api/v2/volumes"), await fixture.get("/api/v2/snapshots")], before);
  });

  test("a creation that the crash interrupted leaves neither a record nor data", async () => {
    await using fixture = await Fixture.start();
    const { storage } = fixture.host;
    // Creates the data, and then never answers: as if the server had been killed then.
    const never = Promise.withResolvers<never>();
    const created = Promise.withResolvers<void>();
    const original = storage.createVolume.bind(storage);
    storage.createVolume = async (spec) => {
      await original(spec);
      created.resolve();
      return await never.promise;
    };
    const pending = create(fixture, "half").catch(() => {});
    await created.promise;
    assert.equal(storage.ids.length, 1);
    assert.match(((await (await create(fixture, "half")).json()) as ErrorBody).code, /SLUG_ALREADY_IN_USE/);
    await fixture.server.close();
    await fixture.start();
    await pending;
    assert.deepEqual(fixture.host.storage.ids, []);
    assert.equal((await create(fixture, "half")).status, 201);
  });

  test("a volume whose growth the crash interrupted has the capacity that it has on its host", async () => {
    await using fixture = await Fixture.start();
    await create(fixture, "data");
    await create(fixture, "grown");
    const grow = (slug: string) => fixture.request("PATCH", `/api/v1/volumes/${slug}`, { body: { capacity: "2GB" } });
    assert.equal((await grow("grown")).status, 200);
    const growing = Promise.withResolvers<void>();
    fixture.host.storage.grow = () => (growing.resolve(), new Promise<never>(() => {}));
    const pending = grow("data").catch(() => {});
    await growing.promise;
    await fixture.server.close();
    await fixture.start();
    await pending;
    const volumes = await fixture.get<Volume[]>("/api/v2/volumes");
    assert.deepEqual(volumes.map(({ slug, capacity }) => [slug, capacity]).sort(), [
      ["data", 1e9],
      ["grown", 2e9],
    ]);
    assert.equal((await grow("data")).status, 200);
  });

  test("the data of what was deleted long enough ago is removed, and nothing else", async () => {
    await using fixture = await Fixture.start();
    await create(fixture, "gone");
    const kept = (await (await create(fixture, "kept")).json()) as Volume;
    await fixture.request("DELETE", "/api/v2/volumes/gone");
    await fixture.server.close();
    await fixture.start({ storage: { keepDeletedHours: 0 } });
    assert.deepEqual(fixture.host.storage.ids, [kept.id]);
    const [removed] = await fixture.get<SandboxEvent[]>("/api/v1/events?kind=volume.removed");
    assert.equal(removed?.actor.kind, "system");
  });

  test("data that cannot be removed yet is tried again", async () => {
    await using fixture = await Fixture.start();
    await create(fixture, "stuck");
    fixture.host.storage.gate = async () => {
      throw new Error("the disk does not answer");
    };
    const refused = await fixture.request("DELETE", "/api/v1/volumes/stuck");
    assert.equal(refused.status, 500);
    assert.equal((await fixture.request("POST", "/api/v1/volumes/stuck/restore", { body: {} })).status, 404);
    await fixture.server.close();
    await fixture.start();
    assert.deepEqual(fixture.host.storage.ids, []);
  });

  test("data without a record is kept for as long as deleted data is", async () => {
    await using fixture = await Fixture.start();
    await fixture.server.close();
    await fixture.host.storage.createVolume({ id: "vol_ord_00000000000000000000", capacityBytes: 1e9 });
    await fixture.start();
    assert.deepEqual(fixture.host.storage.ids, ["vol_ord_00000000000000000000"]);
    assert.ok(fixture.logged.some((line) => line.includes("a disk has no record")));
  });

  test("data that is missing is reported", async () => {
    await using fixture = await Fixture.start();
    const { id } = (await (await create(fixture, "lost")).json()) as Volume;
    await fixture.server.close();
    await fixture.host.storage.remove(id);
    await fixture.start();
    assert.ok(fixture.logged.some((line) => line.includes("is missing") && line.includes(id)));
    assert.equal((await fixture.get<Volume>("/api/v2/volumes/lost")).estimated_allocated_size, 0);
  });
});

describe("what is not due yet stays", async () => {
  const HOUR_MS = 60 * 60_000;
  const OWNER = "cp_1";

  /** Upkeep without a server around it, which has two volumes: one is being created, one was just deleted. */
  async function start() {
    await using started = new AsyncDisposableStack();
    const dir = await mkdtemp(join(tmpdir(), "sandkeep-upkeep-"));
    started.defer(() => rm(dir, { recursive: true, force: true }));
    const host = new ProcessHost({ dir: join(dir, "machines"), agent: "" });
    const store = started.use(openStore({ sqlite: ":memory:" }));
    const organisation = { id: "org_1", slug: "acme", name: "acme", createdAt: 0 };
    await store.organisations.insert(organisation);
    const context: StorageContext = {
      disks: store.disks,
      hosts: new Hosts([host]),
      events: started.use(new EventBus(store.events, silentLogger)),
      owner: OWNER,
      holders: new Holders(store.disks),
      creating: new Set(),
      growing: new KeyedQueue(),
      transfers: new Transfers(),
      region: "ord",
      limits: parseConfig({}).storage,
      log: silentLogger,
    };
    const limits = { number: 10, bytes: 1e12 };
    const now = Date.now();
    const insert = async (id: string) => {
      const record: DiskRecord = {
        id,
        kind: "volume",
        organisation: organisation.id,
        slug: id,
        region: "ord",
        host: host.id,
        capacityBytes: 1e9,
        bootable: false,
        source: null,
        state: "creating",
        createdAt: now,
        deletedAt: null,
      };
      await store.disks.insert(record, OWNER, limits);
      await host.storage.createVolume({ id, capacityBytes: 1e9 });
    };
    await insert("new");
    await insert("deleted");
    await store.disks.setReady("deleted", { capacityBytes: 1e9, bootable: false }, limits);
    await store.disks.setDeleted("deleted", now);
    let swept = 0;
    const upkeep = new Upkeep(context, async () => void swept++);
    const running = started.move();
    return {
      upkeep,
      context,
      storage: host.storage,
      swept: () => swept,
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  }

  test("when the clock is set forward", async (t) => {
    await using fixture = await start();
    const later = Date.now() + 48 * HOUR_MS;
    t.mock.method(Date, "now", () => later);
    await fixture.upkeep.look();
    assert.deepEqual(fixture.storage.ids, ["deleted", "new"]);
  });

  test("and what else is left is looked at every time", async () => {
    await using fixture = await start();
    for (const turn of [1, 2]) {
      await fixture.upkeep.look();
      assert.equal(fixture.swept(), turn);
    }
  });

  test("while a creation takes long", async () => {
    await using fixture = await start();
    const { upkeep, context, storage } = fixture;
    const { remains } = context.disks;
    context.disks.remains = (hosts, options) => remains(hosts, { ...options, createdBefore: Date.now() + HOUR_MS });
    context.creating.add("new");
    await upkeep.look();
    assert.deepEqual(storage.ids, ["deleted", "new"]);
    context.creating.delete("new");
    await upkeep.look();
    assert.deepEqual(storage.ids, ["deleted"]);
  });
});
