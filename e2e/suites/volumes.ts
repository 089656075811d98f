import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { before, describe, test } from "node:test";
import { inspect } from "node:util";
import type { Sdk } from "../harness/sdk.ts";

/** Volumes and snapshots, without sandboxes. */
export default function volumes(sdk: Sdk): void {
  const { ApiError, Client, Snapshot, Volume } = sdk.module;
  let client: InstanceType<typeof Client>;
  before(() => {
    client = new Client();
  });
  /** Both clients use one server at once. */
  const run = randomBytes(4).toString("hex");
  const slug = (name: string) => `${name}-${run}`;
  const refusal = async (promise: Promise<unknown>): Promise<string> => {
    const error = await promise.then(
      () => assert.fail("it was not refused"),
      (error) => error,
    );
    assert.ok(error instanceof ApiError, String(error));
    return `${error.status} ${error.code}`;
  };

  describe("a volume", () => {
    test("is created, found, listed and deleted", async () => {
      const volume = await client.volumes.create({ slug: slug("plain"), region: "ord", capacity: "1GB" });
      assert.match(volume.id, /^vol_ord_[0-9a-z]{20}$/);
      assert.deepEqual(
        [volume.slug, volume.region, volume.capacity, volume.isBootable, volume.baseSnapshot],
        [slug("plain"), "ord", 1e9, false, null],
      );
      for (const size of [volume.estimatedAllocatedSize, volume.estimatedFlattenedSize])
        assert.ok(size > 0 && size < 50e6, String(size));
      assert.match(inspect(volume), new RegExp(`Volume \\{[^]*${slug("plain")}`));
      assert.equal((await client.volumes.get(volume.id))?.slug, volume.slug);
      assert.equal((await Volume.get(volume.slug))?.id, volume.id);
      const listed = await client.volumes.list({ search: slug("plain") });
      assert.deepEqual(
        listed.items.map(({ id }) => id),
        [volume.id],
      );
      await client.volumes.delete(volume.slug);
      assert.equal(await client.volumes.get(volume.id), null);
    });

    test("has its slug to itself, and a capacity within the limits", async () => {
      const init = { slug: slug("mine"), region: "ord" as const };
      const volume = await Volume.create({ ...init, capacity: "300MB" });
      assert.equal(await refusal(client.volumes.create({ ...init, capacity: "1GiB" })), "409 SLUG_ALREADY_IN_USE");
      await client.volumes.delete(volume.id);
      for (const capacity of ["1MB", "900GB", 17] as const)
        assert.equal(await refusal(client.volumes.create({ ...init, capacity })), "400 INVALID_REQUEST");
      const again = await client.volumes.create({ ...init, capacity: 2 ** 30 });
      assert.equal(again.capacity, 2 ** 30);
      await client.volumes.delete(again.id);
    });

    test("comes in pages", async () => {
      const made = await Promise.all(
        [1, 2, 3].map((n) => client.volumes.create({ slug: slug(`page-${n}`), region: "ord", capacity: "300MB" })),
      );
      const first = await client.volumes.list({ search: run, limit: 1 });
      assert.equal(first.hasMore, true);
      assert.equal((await first.getNextPage())?.items.length, 1);
      const all = await Array.fromAsync(await client.volumes.list({ search: `page-`, limit: 2 }));
      assert.deepEqual(
        all
          .map(({ slug }) => slug)
          .filter((slug) => slug.endsWith(run))
          .sort(),
        made.map(({ slug }) => slug).sort(),
      );
      for (const { id } of made) await client.volumes.delete(id);
    });
  });

  test("a snapshot is taken, found, listed, forked and deleted", async () => {
    const base = await client.volumes.create({
      slug: slug("base"),
      region: "ord",
      capacity: "10GB",
      from: "builtin:debian-13",
    });
    assert.equal(base.isBootable, true);
    const snapshot = await client.volumes.snapshot(base.id, { slug: slug("snap") });
    assert.match(snapshot.id, /^snp_ord_[0-9a-z]{20}$/);
    assert.deepEqual(
      [snapshot.slug, snapshot.region, snapshot.isBootable, snapshot.volume],
      [slug("snap"), "ord", true, { id: base.id, slug: base.slug }],
    );
    assert.ok(snapshot.allocatedSize >= 0 && snapshot.flattenedSize >= snapshot.allocatedSize);
    assert.match(inspect(snapshot), new RegExp(`Snapshot \\{[^]*${slug("snap")}`));
    assert.equal((await client.snapshots.get(snapshot.slug))?.id, snapshot.id);
    assert.equal((await Snapshot.get(snapshot.id))?.slug, snapshot.slug);
    assert.equal((await client.snapshots.list({ search: slug("snap") })).items.length, 1);

    const fork = await client.volumes.create({
      slug: slug("fork"),
      region: "ord",
      capacity: "12GB",
      from: snapshot.slug,
    });
    assert.deepEqual([fork.isBootable, fork.baseSnapshot], [true, { id: snapshot.id, slug: snapshot.slug }]);
    const second = await Snapshot.create(fork.slug, { slug: slug("snap-2") });
    assert.equal(await refusal(client.snapshots.delete(snapshot.slug)), "409 SNAPSHOT_IN_USE");
    await client.volumes.delete(fork.id);
    for (const { id } of [second, snapshot]) {
      await client.snapshots.delete(id);
      assert.equal(await client.snapshots.get(id), null);
    }
    await client.volumes.delete(base.id);
  });

  test("what does not exist is not found", async () => {
    assert.equal(await client.volumes.get("nothing"), null);
    assert.equal(await client.snapshots.get("nothing"), null);
    assert.equal(await refusal(client.volumes.delete("nothing")), "404 VOLUME_NOT_FOUND");
    assert.equal(await refusal(client.volumes.snapshot("nothing", { slug: slug("x") })), "404 VOLUME_NOT_FOUND");
    assert.equal(
      await refusal(client.volumes.create({ slug: slug("x"), region: "ord", capacity: "1GB", from: "nothing" })),
      "404 SNAPSHOT_NOT_FOUND",
    );
  });
}
