import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { DiskSpec } from "../contract.ts";
import { FakeEngine, type FakeVm } from "../engine/testing/fake-engine.ts";
import type { GuestClient } from "../guest/client.ts";
import type { LocalStorage } from "../storage/local-storage.ts";
import { openStorage } from "../storage/testing/opened-storage.ts";
import { connectGuest, discard } from "./clone.ts";
import { createFolder, type SlotRecord } from "./folder.ts";
import { MachineDisks } from "./machine-disks.ts";

const root = mkdtempSync(join(tmpdir(), "sk-disks-"));
after(() => rmSync(root, { recursive: true, force: true }));
const MIB = 1024 ** 2;
/** Long, because a computer that runs other tests is slow. */
const HELLO_TIMEOUT_MS = 60_000;

const engine = new FakeEngine();
const boot = { kernel: "vmlinuz", initramfs: "initramfs", rootDisk: "root.qcow2" };

async function storageWith(volumes: number): Promise<LocalStorage> {
  const storage = await openStorage(mkdtempSync(join(root, "d-")));
  for (let n = 0; n < volumes; n++) await storage.createVolume({ id: `vol_${n}`, capacityBytes: 32 * MIB });
  return storage;
}

async function machine(storage: LocalStorage, id: string, disks?: SlotRecord[]) {
  const dir = createFolder(root);
  const vm = (await engine.boot({ dir, size: { memoryMiB: 1_280, vcpus: 2 }, boot })) as FakeVm;
  // What the agent says when nothing is wrong.
  for (const call of ["diskFreeze", "diskThaw"]) vm.agent.outcomes.set(`/call/${call}`, { ok: { frozen: true } });
  const clone = { vm, dir, guest: await connectGuest(vm, HELLO_TIMEOUT_MS) };
  const own = new MachineDisks({ machine: id, clone, storage, ...(disks && { disks }) });
  return {
    vm,
    disks: own,
    slots: vm.slots.disks,
    end: async (closed = false) => {
      await discard(clone);
      await own.release(closed);
    },
  };
}

const at = (n: number, options: Partial<DiskSpec> = {}): DiskSpec => ({
  id: `d${n}`,
  volume: `vol_${n}`,
  readOnly: false,
  mount: `/mnt/${n}`,
  ...options,
});

describe("a machine's disks", () => {
  test("have a slot each, which is free again when a disk is gone", async () => {
    const storage = await storageWith(9);
    const { disks, slots, end } = await machine(storage, "sbx_1");
    await Promise.all(Array.from({ length: 8 }, (_, n) => disks.attach(at(n))));
    assert.deepEqual([...slots.keys()].sort(), [0, 1, 2, 3, 4, 5, 6, 7]);
    await assert.rejects(disks.attach(at(8)), { code: "TOO_MANY_DISKS", message: /sbx_1 has 8 disks/ });
    const slot = disks.all.find(({ id }) => id === "d3")!.slot;
    await disks.detach("d3", false);
    await disks.attach(at(8));
    assert.equal(disks.all.find(({ id }) => id === "d8")!.slot, slot);
    await end();
  });

  test("are recorded before they come, and until they are gone", async () => {
    const storage = await storageWith(1);
    const { disks, vm, end } = await machine(storage, "sbx_1");
    const seen: string[] = [];
    disks.record = async (all) =>
      void seen.push(`${all.map(({ mounted }) => mounted)} in ${vm.slots.disks.size} slots`);
    await disks.attach(at(0));
    await disks.detach("d0", false);
    assert.deepEqual(seen, ["false in 0 slots", "true in 1 slots", "false in 1 slots", " in 0 slots"]);
    await end();
  });

  test("with a name, place or volume of another one are refused", async () => {
    const storage = await storageWith(2);
    const { disks, end } = await machine(storage, "sbx_1");
    await disks.attach(at(0));
    for (const disk of [at(1, { id: "d0" }), at(1, { mount: "/mnt/0" }), at(0, { id: "d1", mount: "/x" })])
      await assert.rejects(disks.attach(disk), { code: "INVALID_SPEC" });
    await end();
  });

  test("that cannot be opened or mounted are not there, and free for others", async () => {
    const storage = await storageWith(1);
    const { disks, vm, slots, end } = await machine(storage, "sbx_1");
    vm.slots.plugging = () => Promise.reject(new Error("no such file"));
    await assert.rejects(disks.attach(at(0)), /no such file/);
    vm.slots.plugging = async () => {};
    vm.agent.outcomes.set("/call/diskMount", {
      error: { constructorName: "Error", message: "not ext4", code: "EINVAL" },
    });
    await assert.rejects(disks.attach(at(0)), { name: "GuestError" });
    assert.deepEqual([disks.all, slots.size, (await storage.facts("vol_0")).machine], [[], 0, null]);
    await storage.remove("vol_0");
    await end();
  });

  test("that programs use stay, unless they are taken by force", async () => {
    const storage = await storageWith(1);
    const { disks, vm, end } = await machine(storage, "sbx_1");
    await disks.attach(at(0));
    const busy = { constructorName: "Busy", message: "Device or resource busy", code: "EBUSY" };
    vm.agent.outcomes.set("/call/diskUnmount", { error: busy });
    await assert.rejects(disks.detach("d0", false), { name: "GuestError" });
    assert.equal(disks.mounted.length, 1);
    vm.agent.outcomes.delete("/call/diskUnmount");
    await disks.detach("d0", true);
    await assert.rejects(disks.detach("d0", true), { code: "UNKNOWN_DISK" });
    await end();
  });

  test("that are read-only have a layer on top that is thrown away", async () => {
    const storage = await storageWith(1);
    const { disks, slots, end } = await machine(storage, "sbx_1");
    await disks.attach(at(0, { readOnly: true }));
    const { layers } = slots.get(0)!;
    assert.equal(layers.length, 2);
    assert.ok(!layers[1]!.includes("/disks/layers/"));
    await end();
  });

  test("are taken over by the next process; what was not mounted yet is given back", async () => {
    const storage = await storageWith(2);
    const left = [
      { ...at(0), slot: 0, mounted: true },
      { ...at(1), slot: 1, mounted: false },
    ];
    for (const { volume } of left) storage.reserve(volume, { machine: "sbx_1", readOnly: false });
    const { disks, vm, slots, end } = await machine(storage, "sbx_1", left);
    for (const [slot] of left.entries()) await vm.slots.plug(slot, { layers: ["layer"], bytes: 1 });
    await disks.takeOver();
    assert.deepEqual([disks.all.map(({ id }) => id), [...slots.keys()]], [["d0"], [0]]);
    const holders = [(await storage.facts("vol_0")).machine, (await storage.facts("vol_1")).machine];
    assert.deepEqual(holders, ["sbx_1", null]);
    await end();
  });

  test("are all written before the machine ends, also if one of them cannot be", async () => {
    const storage = await storageWith(2);
    const { disks, vm, end } = await machine(storage, "sbx_1");
    for (const n of [0, 1]) await disks.attach(at(n));
    const order: string[] = [];
    const slow = Promise.withResolvers<void>();
    vm.quit = async () => (order.push("quit"), true);
    const guest = {
      call: async (_: string, { slot }: { slot: number }) => {
        if (slot === 0) throw new Error("it is frozen already");
        await slow.promise;
        order.push("frozen");
      },
    } as unknown as GuestClient;
    const clone = { vm, dir: root, guest };
    const closing = new MachineDisks({ machine: "sbx_1", clone, storage, disks: disks.all }).close();
    await new Promise(setImmediate);
    slow.resolve();
    assert.equal(await closing, true);
    assert.deepEqual(order, ["frozen", "quit"]);
    await end();
  });

  test("stay with a machine that this server leaves to the next one, and nothing more happens to them", async () => {
    const storage = await storageWith(2);
    const { disks, slots, end } = await machine(storage, "sbx_1");
    const attaching = disks.attach(at(0));
    await disks.leave();
    await attaching;
    assert.deepEqual([...slots.keys()], [0]);
    await assert.rejects(disks.attach(at(1)), { name: "GuestGone" });
    await assert.rejects(storage.snapshotVolume("vol_0", "snap"), { code: "DISK_IN_USE" });
    assert.equal((await storage.facts("vol_0")).machine, "sbx_1");
    await end();
  });

  test("are closed before the machine ends, once what programs wrote is in them", async () => {
    const storage = await storageWith(1);
    const { disks, vm, end } = await machine(storage, "sbx_1");
    assert.equal(await disks.close(), false, "nothing to close");
    assert.notEqual(vm.state, "ended");
    await disks.attach(at(0));
    assert.equal(await disks.close(), true);
    assert.equal(vm.state, "ended");
    assert.ok(vm.agent.told.includes("/call/diskFreeze"));
    await end(true);
    for await (const { state } of storage.verify()) assert.equal(state, "fine");
  });
});

test("of two machines, a deletion and a snapshot that want a volume at once, each gets a clear answer, and one machine at most has it", async () => {
  const storage = await storageWith(0);
  const machines = await Promise.all(["sbx_1", "sbx_2"].map((id) => machine(storage, id)));
  for (let round = 0; round < 60; round++) {
    const id = "vol_0";
    await storage.createVolume({ id, capacityBytes: 16 * MIB });
    const contenders = [
      () => machines[0]!.disks.attach(at(0)),
      () => machines[1]!.disks.attach(at(0)),
      () => storage.remove(id),
      () => storage.snapshotVolume(id, `snap_${round}`),
    ];
    // In every order.
    for (let n = 0; n < round % 4; n++) contenders.push(contenders.shift()!);
    const outcomes = await Promise.allSettled(contenders.map((contend) => contend()));
    for (const outcome of outcomes)
      if (outcome.status === "rejected")
        assert.ok(["DISK_IN_USE", "UNKNOWN_DISK"].includes(outcome.reason.code), String(outcome.reason));
    const having = machines.filter(({ disks }) => disks.all.length > 0);
    const exists = (await storage.list()).includes(id);
    assert.equal(having.length, exists ? 1 : 0);
    await Promise.all(having.map(({ disks }) => disks.detach("d0", false)));
    await storage.remove(id);
    await storage.remove(`snap_${round}`);
  }
  assert.deepEqual(await storage.list(), []);
  await Promise.all(machines.map(({ end }) => end()));
});
