/** FOR TESTS ONLY: what every implementation of {@link Storage} must do, on disks without machines. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, test } from "node:test";
import type { Storage } from "../contract.ts";

export interface StorageFixture {
  storage: Storage;
  /** An image that the storage knows, and what its content needs. */
  image: { id: string; bytes: number };
}

const MIB = 1024 ** 2;

export function storageSuite(name: string, open: () => Promise<StorageFixture>): void {
  const refuses = (code: string, action: Promise<unknown>, message = /./) =>
    assert.rejects(action, { name: "DiskError", code, message });

  describe(`${name}: disks`, () => {
    test("a new volume has its capacity, no machine, and little of its own", async () => {
      const { storage } = await open();
      const facts = await storage.createVolume({ id: "vol_1", capacityBytes: 300_000_000 });
      assert.deepEqual([facts.capacityBytes, facts.bootable, facts.machine], [300_000_000, false, null]);
      assert.ok(facts.allocatedBytes > 0 && facts.allocatedBytes < 20 * MIB, String(facts.allocatedBytes));
      assert.deepEqual(await storage.facts("vol_1"), facts);
      assert.deepEqual(await storage.list(), ["vol_1"]);
    });

    test("a volume of an image is bootable, and so are its snapshots and their volumes", async () => {
      const { storage, image } = await open();
      const from = { image: image.id };
      assert.ok((await storage.createVolume({ id: "base", capacityBytes: image.bytes, from })).bootable);
      assert.ok((await storage.snapshotVolume("base", "snap")).bootable);
      const fork = { id: "fork", capacityBytes: image.bytes * 2, from: { snapshot: "snap" } };
      assert.ok((await storage.createVolume(fork)).bootable);
      const unnamed = { id: "default", capacityBytes: image.bytes, from: { image: null } };
      assert.ok((await storage.createVolume(unnamed)).bootable);
      assert.deepEqual((await storage.list()).sort(), ["base", "default", "fork", "snap"]);
    });

    test("a volume grows and does not shrink; a snapshot does neither", async () => {
      const { storage } = await open();
      await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
      assert.equal((await storage.grow("vol_1", 64 * MIB)).capacityBytes, 64 * MIB);
      assert.equal((await storage.grow("vol_1", 64 * MIB)).capacityBytes, 64 * MIB);
      await refuses("TOO_SMALL", storage.grow("vol_1", 32 * MIB), /vol_1/);
      await storage.snapshotVolume("vol_1", "snap");
      await refuses("WRONG_KIND", storage.grow("snap", 128 * MIB), /snap/);
      assert.equal((await storage.facts("snap")).capacityBytes, 64 * MIB);
    });

    test("removing is idempotent, and leaves what others were made from", async () => {
      const { storage } = await open();
      await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
      await storage.snapshotVolume("vol_1", "snap");
      await storage.createVolume({ id: "fork", capacityBytes: 32 * MIB, from: { snapshot: "snap" } });
      for (const id of ["vol_1", "snap", "snap", "never"]) await storage.remove(id);
      assert.deepEqual(await storage.list(), ["fork"]);
      for await (const { state } of storage.verify()) assert.equal(state, "fine");
      await refuses("UNKNOWN_DISK", storage.facts("snap"), /snap/);
    });

    test("an id that was freed can be used again; one that is taken cannot, nor one of a disk that is being made", async () => {
      const { storage } = await open();
      const spec = { id: "vol_1", capacityBytes: 32 * MIB };
      const outcomes = await Promise.allSettled([storage.createVolume(spec), storage.createVolume(spec)]);
      assert.deepEqual(outcomes.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
      await refuses("DISK_EXISTS", storage.snapshotVolume("vol_1", "vol_1"), /vol_1/);
      await storage.remove("vol_1");
      await storage.createVolume(spec);
    });

    test("what cannot be is refused", async () => {
      const { storage, image } = await open();
      for (const id of ["", "../x", "a/b", ".hidden", "x".repeat(129), "nul\0"])
        await refuses("INVALID_DISK", storage.createVolume({ id, capacityBytes: 32 * MIB }));
      for (const capacityBytes of [0, 1, -1, 1.5, Number.NaN, Infinity, 2 ** 60])
        await refuses("INVALID_DISK", storage.createVolume({ id: "vol_1", capacityBytes }));
      const less = { id: "vol_1", capacityBytes: image.bytes - 4096, from: { image: image.id } };
      await refuses("TOO_SMALL", storage.createVolume(less));
      await refuses("UNKNOWN_DISK", storage.createVolume({ ...less, from: { image: "no-such-image" } }));
      await refuses("UNKNOWN_DISK", storage.createVolume({ ...less, from: { snapshot: "nothing" } }));
      await refuses("UNKNOWN_DISK", storage.snapshotVolume("nothing", "snap"));
      await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
      await refuses("WRONG_KIND", storage.createVolume({ ...less, id: "vol_2", from: { snapshot: "vol_1" } }));
      assert.deepEqual(await storage.list(), ["vol_1"]);
    });

    test("a snapshot is exported, and a volume made of it that needs nothing else", async () => {
      const { storage, image } = await open();
      await storage.createVolume({ id: "base", capacityBytes: image.bytes, from: { image: image.id } });
      await storage.snapshotVolume("base", "snap");
      await refuses("WRONG_KIND", storage.exportSnapshot("base"), /base/);
      await refuses("UNKNOWN_DISK", storage.exportSnapshot("nothing"));
      const { bytes, data } = await storage.exportSnapshot("snap");
      const content = await buffer(data);
      assert.equal(content.length, bytes);
      for (const id of ["base", "snap"]) await storage.remove(id);
      const spec = { id: "copy", capacityBytes: image.bytes, bootable: true };
      const file = () => ({ bytes, data: Readable.from([content], { objectMode: false }) });
      const { bootable, capacityBytes } = await storage.importVolume(spec, file());
      assert.deepEqual([bootable, capacityBytes], [true, image.bytes]);
      await refuses("DISK_EXISTS", storage.importVolume(spec, file()), /copy/);
      for await (const { state } of storage.verify()) assert.equal(state, "fine");
    });

    test("what is not an exported disk, or not wholly there, leaves nothing", async () => {
      const { storage } = await open();
      await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
      await storage.snapshotVolume("vol_1", "snap");
      const { bytes, data } = await storage.exportSnapshot("snap");
      const content = await buffer(data);
      const spec = { id: "copy", capacityBytes: 32 * MIB, bootable: false };
      const from = (pieces: Iterable<Buffer> | AsyncIterable<Buffer>) => Readable.from(pieces, { objectMode: false });
      const refused = (data: Readable, change: object = {}, length = bytes) =>
        refuses("INVALID_FILE", storage.importVolume({ ...spec, ...change }, { bytes: length, data }));
      await refused(from([Buffer.alloc(bytes)]));
      await refused(from([content.subarray(0, -1)]));
      await refused(from([content]), { capacityBytes: 64 * MIB });
      const broken = from(
        (async function* () {
          yield content.subarray(0, 16);
          throw new Error("the connection is lost");
        })(),
      );
      await assert.rejects(storage.importVolume(spec, { bytes, data: broken }), /the connection is lost/);
      assert.deepEqual((await storage.list()).sort(), ["snap", "vol_1"]);
      for await (const { state } of storage.verify()) assert.equal(state, "fine");
    });
  });
}
