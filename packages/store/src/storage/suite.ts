import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { NothingChanged, type Store, UniqueViolation } from "../contract.ts";
import { acme, lease, other, sandbox } from "../samples.ts";
import type { Attachment, DiskLimits, DiskRecord } from "./contract.ts";

/** FOR TESTS ONLY: what every store must do with volumes and snapshots. */
export function diskSuite(name: string, open: () => Promise<Store>): void {
  describe(`volumes and snapshots in the store on ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
      for (const organisation of [acme, other]) await store.organisations.insert(organisation);
    });
    afterEach(() => store[Symbol.asyncDispose]());

    /** Inserts a disk that is ready. */
    async function ready(disk: DiskRecord, needs?: string): Promise<void> {
      await store.disks.insert(disk, "cp_1", NO_LIMITS, needs);
      await store.disks.setReady(disk.id, disk, NO_LIMITS);
    }
    const slugs = (disks: readonly { slug: string }[]) => disks.map(({ slug }) => slug);
    const found = async (slug: string) => (await store.disks.find(acme.id, "volume", slug))?.id ?? null;

    test("a disk is found once it is ready, by id and by slug, as what it is", async () => {
      await store.disks.insert(volume("data"), "cp_1", NO_LIMITS);
      assert.equal(await found("data"), null);
      await store.disks.setReady("vol-data", { capacityBytes: 2_000, bootable: true }, NO_LIMITS);
      const expected = { ...volume("data"), state: "ready", capacityBytes: 2_000, bootable: true };
      assert.deepEqual(await store.disks.find(acme.id, "volume", "data"), expected);
      assert.deepEqual(await store.disks.find(acme.id, "volume", "vol-data"), expected);
      assert.equal(await store.disks.find(acme.id, "snapshot", "data"), null);
      assert.equal(await store.disks.find(other.id, "volume", "vol-data"), null);
    });

    test("a slug is unique among an organisation's volumes and snapshots, and free once it is deleted", async () => {
      await ready(volume("data"));
      await assert.rejects(ready(snapshot("data")), UniqueViolation);
      await ready({ ...volume("data"), id: "theirs", organisation: other.id });
      assert.equal(await store.disks.setDeleted("vol-data", 5), true);
      await ready(snapshot("data"));
      await assert.rejects(store.disks.restore("vol-data", "data"), UniqueViolation);
      assert.equal(await store.disks.restore("vol-data", "data-2"), true);
      assert.equal(await found("data-2"), "vol-data");
    });

    test("limits count everything that has data, also what is deleted", async () => {
      const limits = { number: 2, bytes: 2_500 };
      const insert = (disk: DiskRecord) => store.disks.insert(disk, "cp_1", limits);
      await insert(volume("one"));
      await insert({ ...volume("two"), capacityBytes: 1_500 });
      await assert.rejects(insert(volume("three")), NothingChanged);
      await assert.rejects(insert(snapshot("three")), NothingChanged);
      await store.disks.setReady("vol-one", volume("one"), limits);
      await store.disks.setDeleted("vol-one", 5);
      await assert.rejects(insert(volume("three")), NothingChanged);
      await store.disks.insert(snapshot("three"), "cp_1", { number: 1, bytes: 3_500 });
      assert.deepEqual(await store.disks.usage(acme.id), { volumes: 2, snapshots: 1, bytes: 3_500 });
      assert.deepEqual(await store.disks.usage(other.id), { volumes: 0, snapshots: 0, bytes: 0 });
      await store.disks.remove("vol-one");
      assert.equal((await store.disks.usage(acme.id)).bytes, 2_500);
    });

    test("a capacity grows within the limit and never shrinks", async () => {
      await ready(volume("data"));
      await ready(volume("more"));
      await store.disks.setCapacity("vol-data", 3_000, { bytes: 4_000 });
      await assert.rejects(store.disks.setCapacity("vol-data", 3_001, { bytes: 4_000 }), NothingChanged);
      await store.disks.setCapacity("vol-data", 500, { bytes: 4_000 });
      assert.equal((await store.disks.find(acme.id, "volume", "data"))?.capacityBytes, 3_000);
      await store.disks.correctCapacity("vol-data", 2_000, 1_000);
      assert.equal((await store.disks.find(acme.id, "volume", "data"))?.capacityBytes, 3_000);
      await store.disks.correctCapacity("vol-data", 3_000, 1_000);
      assert.equal((await store.disks.find(acme.id, "volume", "data"))?.capacityBytes, 1_000);
      await assert.rejects(store.disks.setCapacity("nothing", 1, { bytes: 4_000 }), NothingChanged);
    });

    test("a snapshot that volumes were created from stays, and none is created from one that is gone", async () => {
      await ready(snapshot("base"));
      const fork = { ...volume("fork"), source: { id: "snp-base", slug: "base" } };
      await ready(fork, "snp-base");
      assert.deepEqual(slugs(await store.disks.dependants("snp-base")), ["fork"]);
      assert.equal(await store.disks.setDeleted("snp-base", 5), false);
      assert.equal(await store.disks.setDeleted("vol-fork", 5), true);
      assert.equal(await store.disks.setDeleted("snp-base", 6), true);
      assert.equal(await store.disks.setDeleted("snp-base", 7), false);
      await assert.rejects(ready({ ...fork, id: "late", slug: "late" }, "snp-base"), NothingChanged);
    });

    test("a snapshot is not taken of a volume that is no longer there", async () => {
      await ready(volume("origin"));
      await ready(snapshot("before"), "vol-origin");
      await store.disks.setDeleted("vol-origin", 5);
      await assert.rejects(ready(snapshot("after"), "vol-origin"), NothingChanged);
      assert.equal((await store.disks.usage(acme.id)).snapshots, 1);
    });

    test("what turns out larger than was reserved must be within the limit too, and only what is being created becomes ready", async () => {
      await store.disks.insert(snapshot("one"), "cp_1", NO_LIMITS);
      const setReady = (capacityBytes: number, bytes: number) =>
        store.disks.setReady("snp-one", { capacityBytes, bootable: false }, { bytes });
      await assert.rejects(setReady(1_001, 1_000), NothingChanged);
      assert.equal((await store.disks.usage(acme.id)).bytes, 1_000);
      await setReady(1_001, 1_001);
      await assert.rejects(setReady(1_001, 1_001), NothingChanged);
      // What was reserved is kept, even if the limit has become smaller.
      await store.disks.insert(snapshot("two"), "cp_1", NO_LIMITS);
      await store.disks.setReady("snp-two", { capacityBytes: 1_000, bootable: false }, { bytes: 0 });
      await store.disks.remove("snp-two");
      await assert.rejects(store.disks.setReady("snp-two", volume("two"), NO_LIMITS), NothingChanged);
    });

    test("a volume has one sandbox at a time, a snapshot any number", async () => {
      await ready(volume("data"));
      await ready(snapshot("base"));
      const own: Attachment = { disk: "vol-data", path: "/data", readOnly: false, exclusive: true };
      const root: Attachment = { disk: "snp-base", path: null, readOnly: true, exclusive: false };
      await store.sandboxes.insert(sandbox("a", 1), lease, null, [root, own]);
      await assert.rejects(store.sandboxes.insert(sandbox("b", 1), lease, null, [root, own]), UniqueViolation);
      assert.equal(await store.sandboxes.find(acme.id, "b"), null);
      await store.sandboxes.insert(sandbox("b", 1), lease, null, [root]);
      await assert.rejects(store.disks.attach("b", own), UniqueViolation);
      assert.deepEqual(await store.disks.attachedTo("a"), [
        { ...root, sandbox: "a", slug: "base" },
        { ...own, sandbox: "a", slug: "data" },
      ]);
      assert.deepEqual(
        (await store.disks.attachments(["snp-base", "vol-data"])).map(({ disk, sandbox }) => `${disk} ${sandbox}`),
        ["snp-base a", "snp-base b", "vol-data a"],
      );
      assert.deepEqual(await store.disks.attachments([]), []);
      await store.disks.detach("a", "vol-data");
      await store.disks.attach("b", own);
    });

    test("what a sandbox uses cannot be deleted until the sandbox has stopped or is gone", async () => {
      await ready(volume("data"));
      const own: Attachment = { disk: "vol-data", path: "/data", readOnly: false, exclusive: true };
      await store.sandboxes.insert(sandbox("a", 1), lease, null, [own]);
      assert.equal(await store.disks.setDeleted("vol-data", 5), false);
      assert.equal(await store.sandboxes.setStopped("another", "a", 5, "killed"), false);
      assert.equal((await store.disks.attachedTo("a")).length, 1);
      await store.sandboxes.setStopped(lease.owner, "a", 5, "killed");
      assert.deepEqual(await store.disks.attachedTo("a"), []);
      await assert.rejects(store.disks.attach("a", own), NothingChanged);
      await store.sandboxes.insert(sandbox("b", 1), lease, null, [own]);
      await store.sandboxes.remove(lease.owner, "b");
      assert.equal(await store.disks.setDeleted("vol-data", 6), true);
      await assert.rejects(store.sandboxes.insert(sandbox("c", 1), lease, null, [own]), NothingChanged);
      assert.equal(await store.sandboxes.find(acme.id, "c"), null);
    });

    test("no organisation uses a disk of another", async () => {
      await ready({ ...volume("data"), organisation: other.id });
      const own: Attachment = { disk: "vol-data", path: null, readOnly: false, exclusive: true };
      await assert.rejects(store.sandboxes.insert(sandbox("a", 1), lease, null, [own]), NothingChanged);
    });

    test("a deleted disk can be restored until its data is being removed", async () => {
      await ready(volume("data"));
      assert.equal(await store.disks.restore("vol-data", "data"), false);
      await store.disks.setDeleted("vol-data", 5);
      assert.equal(await found("data"), null);
      assert.equal((await store.disks.findDeleted(acme.id, "volume", "data"))?.deletedAt, 5);
      assert.equal(await store.disks.restore("vol-data", "data"), true);
      assert.equal((await store.disks.find(acme.id, "volume", "data"))?.deletedAt, null);
      await store.disks.setDeleted("vol-data", 6);
      assert.equal(await store.disks.setRemoving("vol-data"), true);
      assert.equal(await store.disks.restore("vol-data", "data"), false);
      assert.equal(await store.disks.setRemoving("vol-data"), false);
    });

    test("knows what must still be removed, and everything that a host may have", async () => {
      const options = { owner: "cp_1", createdBefore: 10, deletedBefore: 20 };
      await store.disks.insert({ ...volume("mine"), createdAt: 50 }, "cp_1", NO_LIMITS);
      await store.disks.insert({ ...volume("theirs"), createdAt: 50 }, "cp_2", NO_LIMITS);
      await store.disks.insert({ ...volume("old"), createdAt: 5 }, "cp_2", NO_LIMITS);
      await ready(volume("kept"));
      await ready(volume("long-gone"));
      await ready(volume("just-gone"));
      await ready(volume("half-gone"));
      await ready({ ...volume("elsewhere"), host: "host_2" });
      await store.disks.setDeleted("vol-long-gone", 19);
      for (const id of ["vol-just-gone", "vol-half-gone", "vol-elsewhere"]) await store.disks.setDeleted(id, 20);
      await store.disks.setRemoving("vol-half-gone");
      const remains = await store.disks.remains(["host_1"], options);
      assert.deepEqual(slugs(remains), ["half-gone", "long-gone", "mine", "old"]);
      assert.equal(remains[0]?.organisationSlug, "acme");
      assert.deepEqual(slugs(await store.disks.remains(["host_1"], { ...options, owner: null })), [
        "half-gone",
        "long-gone",
        "old",
      ]);
      assert.equal((await store.disks.idsOn("host_1")).length, 7);
      assert.deepEqual(await store.disks.idsOn("host_2"), ["vol-elsewhere"]);
      const { id, capacityBytes } = volume("elsewhere");
      assert.deepEqual([...(await store.disks.capacitiesOn("host_2"))], [[id, capacityBytes]]);
    });

    test("lists them newest first, in pages, by a part of the slug or id", async () => {
      const names = ["a-1", "a-2", "b-1", "a-3"];
      for (const [at, slug] of names.entries()) await ready({ ...volume(slug), createdAt: Math.floor(at / 2) });
      await ready(snapshot("a-4"));
      const list = async (options: Partial<Parameters<typeof store.disks.list>[2]> = {}) =>
        slugs(await store.disks.list(acme.id, "volume", { state: "ready", limit: 10, ...options }));
      assert.deepEqual(await list(), ["b-1", "a-3", "a-2", "a-1"]);
      assert.deepEqual(await list({ limit: 2 }), ["b-1", "a-3"]);
      assert.deepEqual(await list({ after: { createdAt: 1, id: "vol-a-3" } }), ["a-2", "a-1"]);
      assert.deepEqual(await list({ search: "A-" }), ["a-3", "a-2", "a-1"]);
      assert.deepEqual(await list({ search: "vol-b" }), ["b-1"]);
      for (const search of ["%", "_", "\\", "'"]) assert.deepEqual(await list({ search }), []);
      await store.disks.setDeleted("vol-a-1", 9);
      assert.deepEqual(await list({ state: "deleted" }), ["a-1"]);
    });
  });
}

const NO_LIMITS: DiskLimits = { number: 100, bytes: 1e12 };

const volume = (slug: string): DiskRecord => ({
  id: `vol-${slug}`,
  kind: "volume",
  organisation: acme.id,
  slug,
  region: "ord",
  host: "host_1",
  capacityBytes: 1_000,
  bootable: false,
  source: null,
  state: "creating",
  createdAt: 1,
  deletedAt: null,
});

const snapshot = (slug: string): DiskRecord => ({
  ...volume(slug),
  id: `snp-${slug}`,
  kind: "snapshot",
  source: { id: "vol-origin", slug: "origin" },
});
