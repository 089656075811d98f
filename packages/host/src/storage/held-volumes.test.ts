/** Volumes that a machine has: who may do what, and what a snapshot is made of while the machine writes. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { LiveVolume } from "./holders.ts";
import type { LocalStorage } from "./local-storage.ts";
import type { DiskFiles } from "./options.ts";
import { disturbed } from "./testing/disturbed.ts";
import { IMAGE, layerFiles, lockLayer, openStorage } from "./testing/opened-storage.ts";

const root = mkdtempSync(join(tmpdir(), "sk-held-"));
after(() => rmSync(root, { recursive: true, force: true }));
const newDir = () => mkdtempSync(join(root, "d-"));
const MIB = 1024 ** 2;

type Record = { layers: string[]; unclean: boolean };
const recordOf = (dir: string, id: string) =>
  JSON.parse(readFileSync(join(dir, "disks", "records", `${id}.json`), "utf8")) as Record;
const pathOf = (dir: string, name: string) => join(dir, "disks", "layers", `${name}.qcow2`);

/** A machine's side of a volume: which layers its monitor has. */
class Machine implements LiveVolume {
  layers: string[] = [];
  bytes = 0;
  /** Called within a freeze; may fail. */
  frozen: () => void = () => {};
  /** Called after the layer was added; may fail. */
  thawed: () => void = () => {};

  open = async (files: DiskFiles): Promise<LiveVolume> => {
    this.layers = [...files.layers];
    this.bytes = files.bytes;
    return this;
  };

  async depth(): Promise<number> {
    return this.layers.length;
  }

  async addLayer({ path }: { path: string }, how: "frozen" | "running", prepared: () => Promise<void>): Promise<void> {
    await prepared();
    if (how === "frozen") this.frozen();
    this.layers.push(path);
    if (how === "frozen") this.thawed();
  }

  async resize(bytes: number): Promise<void> {
    this.bytes = bytes;
  }
}

async function attached(dir = newDir()): Promise<{ dir: string; storage: LocalStorage; machine: Machine }> {
  const storage = await openStorage(dir);
  await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
  const machine = new Machine();
  await storage.attach("vol_1", { machine: "sbx_1", readOnly: false, open: machine.open });
  return { dir, storage, machine };
}

const inUse = { code: "DISK_IN_USE", message: /sbx_1/ };

describe("a volume that a machine has", () => {
  test("is nobody else's until the machine gives it back, or ends", async () => {
    const { storage } = await attached();
    assert.equal((await storage.facts("vol_1")).machine, "sbx_1");
    const other = { machine: "sbx_2", readOnly: true, open: new Machine().open };
    await assert.rejects(storage.attach("vol_1", other), inUse);
    await assert.rejects(storage.remove("vol_1"), inUse);
    await storage.release("vol_1", "sbx_2", true);
    await assert.rejects(storage.attach("vol_1", other), inUse);
    await storage.release("vol_1", "sbx_1", false);
    await storage.attach("vol_1", other);
    assert.equal((await storage.facts("vol_1")).machine, "sbx_2");
  });

  test("is marked before the first write, and no longer once it was closed", async () => {
    const { dir, storage } = await attached();
    assert.equal(recordOf(dir, "vol_1").unclean, true);
    await storage.detach("vol_1", "sbx_1", async () => {});
    assert.equal(recordOf(dir, "vol_1").unclean, false);
    // One that cannot write leaves nothing to repair.
    await storage.attach("vol_1", { machine: "sbx_1", readOnly: true, open: new Machine().open });
    assert.equal(recordOf(dir, "vol_1").unclean, false);
  });

  test("is opened while it is marked; one that cannot be marked stays free", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
    const seen: unknown[] = [];
    const open = async (_files: DiskFiles, marked: Promise<void>): Promise<LiveVolume> => {
      seen.push(
        await marked.then(
          () => recordOf(dir, "vol_1").unclean,
          () => "refused",
        ),
      );
      return new Machine();
    };
    const attach = () => storage.attach("vol_1", { machine: "sbx_1", readOnly: false, open });
    assert.equal((await disturbed("full", 1, attach)) === null, false);
    assert.equal((await storage.facts("vol_1")).machine, null);
    await attach();
    assert.deepEqual(seen, ["refused", true]);
  });

  test("stays free if the machine cannot open it", async () => {
    const storage = await openStorage(newDir());
    await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
    const open = () => Promise.reject(new Error("no slot"));
    await assert.rejects(storage.attach("vol_1", { machine: "sbx_1", readOnly: false, open }), /no slot/);
    await storage.remove("vol_1");
  });

  test("of a crashed machine is repaired before its next use: what nothing refers to is freed", async () => {
    const { dir, storage } = await attached();
    const layer = pathOf(dir, recordOf(dir, "vol_1").layers[0]!);
    // A refcount of a cluster behind the end of all data, as if QEMU was killed between two writes.
    leak(layer);
    await storage.release("vol_1", "sbx_1", false);
    assert.equal((await Array.fromAsync(storage.verify()))[0]?.state, "leak");
    await storage.attach("vol_1", { machine: "sbx_2", readOnly: false, open: new Machine().open });
    await storage.detach("vol_1", "sbx_2", async () => {});
    assert.equal((await Array.fromAsync(storage.verify()))[0]?.state, "fine");
  });

  test("of a crashed machine is not given to another one while it cannot be checked, which damages nothing", async () => {
    const { dir, storage } = await attached();
    await storage.release("vol_1", "sbx_1", false);
    const other = { machine: "sbx_2", readOnly: false, open: new Machine().open };
    {
      await using _left = await lockLayer(pathOf(dir, recordOf(dir, "vol_1").layers[0]!));
      await assert.rejects(storage.attach("vol_1", other), { code: "NOT_CHECKED", message: /Try again/ });
      assert.equal((await Array.fromAsync(storage.verify()))[0]?.state, "busy");
    }
    await storage.attach("vol_1", other);
  });

  test("of a machine and a server that crashed within a snapshot is repaired below the new layer too", async () => {
    const { dir, storage } = await attached();
    await storage.snapshotVolume("vol_1", "snap");
    // The volume's record was written, and nothing more.
    const below = pathOf(dir, recordOf(dir, "vol_1").layers[0]!);
    rmSync(join(dir, "disks", "records", "snap.json"));
    chmodSync(below, 0o600);
    leak(below);
    const next = await openStorage(dir);
    await next.attach("vol_1", { machine: "sbx_2", readOnly: false, open: new Machine().open });
    await next.detach("vol_1", "sbx_2", async () => {});
    assert.equal((await Array.fromAsync(next.verify()))[0]?.state, "fine");
    await next.snapshotVolume("vol_1", "snap");
    assert.equal(statSync(below).mode & 0o777, 0o444);
  });

  test("of a crashed machine is repaired without the image that it was made from, which others use", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    await storage.createVolume({ id: "vol_1", capacityBytes: IMAGE.bytes, from: { image: IMAGE.id } });
    await storage.attach("vol_1", { machine: "sbx_1", readOnly: false, open: new Machine().open });
    await storage.release("vol_1", "sbx_1", false);
    const image = () => statSync(join(dir, "root.qcow2"), { bigint: true }).ctimeNs;
    const before = image();
    await storage.attach("vol_1", { machine: "sbx_2", readOnly: false, open: new Machine().open });
    assert.equal(recordOf(dir, "vol_1").unclean, true);
    assert.equal(image(), before);
  });

  for (const [what, spoil] of [
    ["names a backing file", (header: Buffer) => header.writeBigUInt64BE(200n, 8)],
    ["has its data in another file", (header: Buffer) => header.writeBigUInt64BE(4n, 72)],
    ["is no qcow2 file", (header: Buffer) => header.fill(0, 0, 4)],
  ] as [string, (header: Buffer) => void][]) {
    test(`is not opened again if its layer ${what}: the machine may have been taken over`, async () => {
      const { dir, storage } = await attached();
      const layer = pathOf(dir, recordOf(dir, "vol_1").layers[0]!);
      const content = readFileSync(layer);
      spoil(content);
      writeFileSync(layer, content);
      await storage.release("vol_1", "sbx_1", true);
      let opened = false;
      const open = async (files: DiskFiles) => {
        opened = true;
        return await new Machine().open(files);
      };
      await assert.rejects(storage.attach("vol_1", { machine: "sbx_2", readOnly: false, open }), {
        code: "DAMAGED_DISK",
      });
      assert.equal(opened, false);
      assert.equal((await Array.fromAsync(storage.verify()))[0]?.state, "damaged");
    });
  }
});

describe("a snapshot of a volume that a machine writes", () => {
  test("has the layers that are not written any more, and the machine goes on in a new one", async () => {
    const { dir, storage, machine } = await attached();
    let recorded: Record | undefined;
    machine.frozen = () => {
      recorded = recordOf(dir, "vol_1");
    };
    await storage.snapshotVolume("vol_1", "snap");
    // The volume's record is on disk before the machine writes the new layer, the snapshot's only afterwards.
    assert.equal(recorded?.layers.length, 2);
    assert.deepEqual(
      machine.layers,
      recordOf(dir, "vol_1").layers.map((name) => pathOf(dir, name)),
    );
    assert.deepEqual(recordOf(dir, "snap").layers, recordOf(dir, "vol_1").layers.slice(0, 1));
    assert.equal(recordOf(dir, "snap").unclean, false);
  });

  test("that cannot be frozen is none, and the volume is as before", async () => {
    const { dir, storage, machine } = await attached();
    const before = [recordOf(dir, "vol_1"), layerFiles(dir)];
    machine.frozen = () => {
      throw new Error("the guest does not answer");
    };
    await assert.rejects(storage.snapshotVolume("vol_1", "snap"), /does not answer/);
    assert.deepEqual([recordOf(dir, "vol_1"), layerFiles(dir)], before);
    assert.deepEqual(await storage.list(), ["vol_1"]);
    machine.frozen = () => {};
    await storage.snapshotVolume("vol_1", "snap");
    assert.equal(machine.layers.length, 2);
  });

  test("that was thawed too early is none, and the volume keeps the layer that the machine writes", async () => {
    const { dir, storage, machine } = await attached();
    machine.thawed = () => {
      throw new Error("not frozen for long enough");
    };
    await assert.rejects(storage.snapshotVolume("vol_1", "snap"), /long enough/);
    assert.deepEqual(
      machine.layers,
      recordOf(dir, "vol_1").layers.map((name) => pathOf(dir, name)),
    );
    assert.equal(layerFiles(dir).length, 2);
    // The next one freezes what that one did not.
    machine.thawed = () => {};
    await storage.snapshotVolume("vol_1", "snap");
    const modes = recordOf(dir, "vol_1").layers.map((name) => statSync(pathOf(dir, name)).mode & 0o777);
    assert.deepEqual(modes, [0o444, 0o444, 0o600]);
  });

  test("interrupted at any step by the end of the server leaves no layer that both a snapshot has and a machine writes", async () => {
    for (let at = 0; ; at++) {
      const dir = newDir();
      const { storage, machine } = await attached(dir);
      const error = await disturbed("kill", at, () => storage.snapshotVolume("vol_1", "snap"));
      const next = await openStorage(dir);
      next.reserve("vol_1", { machine: "sbx_1", readOnly: false });
      await assert.rejects(next.snapshotVolume("vol_1", "other"), inUse);
      await next.takeOver("vol_1", "sbx_1", machine);
      const { layers } = recordOf(dir, "vol_1");
      assert.deepEqual(
        machine.layers,
        layers.map((name) => pathOf(dir, name)),
        `step ${at}`,
      );
      for (const id of await next.list())
        if (id !== "vol_1") assert.ok(!recordOf(dir, id).layers.includes(layers.at(-1)!), `step ${at}`);
      await next.snapshotVolume("vol_1", "another");
      if (!error) break;
    }
  });

  test("waits for what happens to the volume already, and sees what came of it", async () => {
    const { storage } = await attached();
    const outcomes = await Promise.allSettled([
      storage.detach("vol_1", "sbx_1", async () => {}),
      storage.snapshotVolume("vol_1", "snap"),
      storage.remove("vol_1"),
      storage.snapshotVolume("vol_1", "late"),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["fulfilled", "fulfilled", "fulfilled", "rejected"],
    );
    assert.deepEqual(await storage.list(), ["snap"]);
  });
});

/** Makes a cluster that nothing refers to. */
function leak(path: string): void {
  const file = readFileSync(path);
  const clusterBytes = 2 ** file.readUInt32BE(20);
  const table = Number(file.readBigUInt64BE(48));
  const block = Number(file.readBigUInt64BE(table));
  const clusters = Math.ceil(file.length / clusterBytes);
  const grown = Buffer.concat([file, Buffer.alloc((clusters + 1) * clusterBytes - file.length)]);
  // Refcounts have 16 bits.
  grown.writeUInt16BE(1, block + clusters * 2);
  writeFileSync(path, grown);
}
