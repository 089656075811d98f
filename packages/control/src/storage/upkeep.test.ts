import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorBody, SandboxEvent, Volume } from "@sandkeep/protocol";
import { Fixture } from "../testing/fixture.ts";

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
