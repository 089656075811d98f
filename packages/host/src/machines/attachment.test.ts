/** A server that is killed, or a step that fails, at every point of an attachment's life. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { type DiskSpec, GuestError } from "../contract.ts";
import { FakeSlots } from "../engine/testing/fake-engine.ts";
import type { LocalStorage } from "../storage/local-storage.ts";
import { openStorage } from "../storage/testing/opened-storage.ts";
import type { Owner } from "./attachment.ts";
import type { SlotRecord } from "./folder.ts";
import { MachineDisks } from "./machine-disks.ts";

const root = mkdtempSync(join(tmpdir(), "sk-attachment-"));
after(() => rmSync(root, { recursive: true, force: true }));
const MIB = 1024 ** 2;
/** More than any operation has. */
const MAX_STEPS = 60;
const DISK: DiskSpec = { id: "d", volume: "vol", readOnly: false, mount: "/data" };

/** What survives a server: a machine with its record, and a folder of disks. */
class World {
  readonly dir = mkdtempSync(join(root, "w-"));
  readonly slots = new FakeSlots();
  /** Slots whose disk the guest has mounted. */
  readonly mounted = new Set<number>();
  record: SlotRecord[] = [];
  isBusy = false;
  isKilled = false;
  /** Called before and after each step outside the storage's folder; may fail, or never resolve. */
  step: (name: string) => Promise<void> = async () => {};

  /** A server that knows what is on record. */
  async server(id = "sbx_1"): Promise<{ storage: LocalStorage; disks: MachineDisks }> {
    const storage = await openStorage(this.dir);
    for (const { volume, readOnly } of this.record) storage.reserve(volume, { machine: id, readOnly });
    return { storage, disks: this.disks(storage, id) };
  }

  disks(storage: LocalStorage, id = "sbx_1"): MachineDisks {
    const step = async (name: string, change: () => unknown) => {
      await this.step(`before ${name}`);
      const result = await change();
      await this.step(`after ${name}`);
      return result;
    };
    const { slots } = this;
    const vm = {
      slots: {
        plug: (...args: Parameters<FakeSlots["plug"]>) => step("plug", () => slots.plug(...args)),
        unplug: (slot: number) => step("unplug", () => slots.unplug(slot)),
        depth: (slot: number) => slots.depth(slot),
        addLayer: (...args: Parameters<FakeSlots["addLayer"]>) => slots.addLayer(...args),
      },
      kill: async () => void (this.isKilled = true),
    };
    const guest = {
      call: (method: string, { slot, force }: { slot: number; force?: boolean }) =>
        step(method, () => {
          if (method === "diskMount") this.mounted.add(slot);
          if (method !== "diskUnmount") return { frozen: true };
          if (this.isBusy && !force && this.mounted.has(slot))
            throw new GuestError({ constructorName: "Busy", message: "Device or resource busy", code: "EBUSY" });
          return this.mounted.delete(slot);
        }),
    };
    const clone = { vm, guest, dir: this.dir } as unknown as Owner["clone"];
    const disks = new MachineDisks({ machine: id, clone, storage, disks: this.record });
    disks.record = async (all) => void (await step("record", () => (this.record = all)));
    return disks;
  }
}

type Operation = [string, (disks: MachineDisks) => Promise<void>, DiskSpec, { isBusy: boolean; isAttached: boolean }];
const readOnly = { ...DISK, readOnly: true };
const free = { isBusy: false, isAttached: true };
const operations: Operation[] = [
  ["attaching", (disks) => disks.attach(DISK), DISK, { isBusy: false, isAttached: false }],
  ["attaching read-only", (disks) => disks.attach(readOnly), readOnly, { isBusy: false, isAttached: false }],
  ["detaching", (disks) => disks.detach("d", false), DISK, free],
  ["detaching what was read-only", (disks) => disks.detach("d", false), readOnly, free],
  ["detaching what programs use", (disks) => disks.detach("d", false).catch(() => {}), DISK, { ...free, isBusy: true }],
  ["taking from programs that use it", (disks) => disks.detach("d", true), DISK, { ...free, isBusy: true }],
];

/** Disks with a volume that has a layer below the one that is written. */
const before = (async () => {
  const dir = mkdtempSync(join(root, "before-"));
  const storage = await openStorage(dir);
  await storage.createVolume({ id: "vol", capacityBytes: 16 * MIB });
  await storage.snapshotVolume("vol", "snap");
  return dir;
})();

async function prepared(disk: DiskSpec, { isAttached }: { isAttached: boolean }): Promise<World> {
  const world = new World();
  cpSync(await before, world.dir, { recursive: true });
  if (isAttached) await (await world.server()).disks.attach(disk);
  return world;
}

/** The machine has all of the disk or nothing of it, and so says everyone; it can be attached and detached again. */
async function assertSound(
  world: World,
  { storage, disks }: { storage: LocalStorage; disks: MachineDisks },
  at: string,
) {
  world.isBusy = false;
  const [one, ...others] = disks.all;
  assert.deepEqual(others, [], at);
  assert.equal(one?.mounted ?? true, true, at);
  assert.deepEqual([...world.slots.disks.keys()], one ? [one.slot] : [], at);
  assert.deepEqual([...world.mounted], one ? [one.slot] : [], at);
  assert.equal((await storage.facts("vol")).machine, one ? "sbx_1" : null, at);
  if (one) await disks.detach("d", false);
  await disks.attach(DISK);
  await disks.detach("d", false);
  await storage.remove("vol");
}

describe("a server that is killed at any step", () => {
  for (const [name, operation, disk, start] of operations) {
    test(`while ${name}: the next one has all of the disk or nothing of it`, async () => {
      let killed = 0;
      for (let at = 0; at < MAX_STEPS; at++) {
        const world = await prepared(disk, start);
        world.isBusy = start.isBusy;
        const { disks } = await world.server();
        if (start.isAttached) await disks.takeOver();
        const death = Promise.withResolvers<"killed">();
        let steps = 0;
        world.step = async () => {
          if (steps++ !== at) return;
          death.resolve("killed");
          await new Promise(() => {});
        };
        const outcome = await Promise.race([operation(disks), death.promise]);
        world.step = async () => {};
        const next = await world.server();
        await next.disks.takeOver();
        world.record = next.disks.all;
        await assertSound(world, next, `killed at ${at}`);
        if (outcome !== "killed") break;
        killed++;
      }
      assert.ok(killed > 4 && killed < MAX_STEPS, String(killed));
    });
  }
});

describe("a step that fails", () => {
  for (const [name, operation, disk, start] of operations) {
    test(`while ${name}: the machine has all of the disk or nothing of it`, async () => {
      let failures = 0;
      for (let at = 0; at < MAX_STEPS; at++) {
        const world = await prepared(disk, start);
        world.isBusy = start.isBusy;
        const server = await world.server();
        if (start.isAttached) await server.disks.takeOver();
        let steps = 0;
        let failed = false;
        world.step = async () => {
          if (steps++ !== at) return;
          failed = true;
          throw new Error("this step failed");
        };
        await operation(server.disks).catch(() => {});
        world.step = async () => {};
        if (!failed) break;
        failures++;
        assert.equal(world.isKilled, false);
        // What could not be taken away completely, as far as the server knows, is taken away by asking again.
        const isPartial = ({ slot, mounted }: SlotRecord) => !mounted || !world.mounted.has(slot);
        if (server.disks.all.some(isPartial)) await server.disks.detach("d", true);
        await assertSound(world, server, `failed at ${at}`);
      }
      assert.ok(failures > 4 && failures < MAX_STEPS, String(failures));
    });
  }

  test("and everything after it: the machine is ended, and its volume is free then", async () => {
    const world = await prepared(DISK, { isAttached: false });
    const { storage, disks } = await world.server();
    world.step = async (name) => {
      if (/diskMount|unplug/.test(name)) throw new Error("QEMU ended.");
    };
    await assert.rejects(disks.attach(DISK), /QEMU ended/);
    assert.ok(world.isKilled);
    assert.equal((await storage.facts("vol")).machine, "sbx_1");
    await disks.release(false);
    await storage.remove("vol");
    await assert.rejects(disks.attach(DISK), { name: "GuestGone" });
  });

  test("because the volume is in use is refused without asking the machine", async () => {
    const world = await prepared(DISK, { isAttached: true });
    const { storage, disks } = await world.server();
    await disks.takeOver();
    const other = new World();
    other.step = async (name) => {
      if (!name.includes("record")) throw new Error(`${name} was called`);
    };
    await assert.rejects(other.disks(storage, "sbx_2").attach(DISK), { code: "DISK_IN_USE", message: /sbx_1/ });
    assert.equal(other.isKilled, false);
  });
});

test("of two machines that have a volume on record, the one has it whose slot has it", async () => {
  for (const order of [0, 1]) {
    const world = await prepared(DISK, { isAttached: true });
    // The first one gave it back, and that could not be recorded.
    const stale = [{ ...world.record[0]!, mounted: false }];
    const storage = await openStorage(world.dir);
    const former = new World();
    former.record = stale;
    for (const machine of order === 0 ? ["sbx_1", "sbx_2"] : ["sbx_2", "sbx_1"])
      storage.reserve("vol", { machine, readOnly: false });
    await assert.rejects(storage.remove("vol"), { code: "DISK_IN_USE" });
    const [having, lacking] = [world.disks(storage), former.disks(storage, "sbx_2")];
    for (const disks of order === 0 ? [having, lacking] : [lacking, having]) await disks.takeOver();
    assert.deepEqual([having.mounted.length, lacking.all.length], [1, 0]);
    assert.equal((await storage.facts("vol")).machine, "sbx_1");
    await storage.snapshotVolume("vol", "other").catch((error: Error) => assert.fail(error));
    await having.detach("d", false);
    await storage.remove("vol");
  }
});
