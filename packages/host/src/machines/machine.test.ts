/** Volumes of a machine, while something else happens to it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import type { DiskSpec } from "../contract.ts";
import { FakeEngine, type FakeVm } from "../engine/testing/fake-engine.ts";
import { disturbed } from "../storage/testing/disturbed.ts";
import { openStorage } from "../storage/testing/opened-storage.ts";
import { connectGuest } from "./clone.ts";
import { createFolder, type RootRecord } from "./folder.ts";
import { RunningMachine } from "./machine.ts";
import { MachineDisks } from "./machine-disks.ts";
import { Meter, startMeter } from "./meter.ts";

const root = mkdtempSync(join(tmpdir(), "sk-machine-"));
after(() => rmSync(root, { recursive: true, force: true }));
/** Long, because a computer that runs other tests is slow. */
const HELLO_TIMEOUT_MS = 60_000;
const MIB = 1024 ** 2;
const DISK: DiskSpec = { id: "d", volume: "vol", readOnly: false, mount: "/data" };

async function open(ownRoot: RootRecord | null = null) {
  const storage = await openStorage(mkdtempSync(join(root, "d-")));
  await storage.createVolume({ id: "vol", capacityBytes: 16 * MIB });
  const dir = createFolder(root);
  const boot = { kernel: "vmlinuz", initramfs: "initramfs", rootDisk: "root.qcow2" };
  const vm = (await new FakeEngine().boot({ dir, size: { memoryMiB: 1_280, vcpus: 2 }, boot })) as FakeVm;
  const clone = { vm, dir, guest: await connectGuest(vm, HELLO_TIMEOUT_MS), from: null };
  const start = startMeter(vm);
  const machine = new RunningMachine({
    record: {
      id: "sbx",
      owner: "cp",
      memoryMiB: 1_280,
      keep: true,
      root: ownRoot,
      disks: [],
      meter: start,
      from: null,
    },
    clone,
    meter: Meter.begin(vm, dir, 1_280, start),
    disks: new MachineDisks({ machine: "sbx", clone, storage }),
    storage,
    egress: null,
    log: silentLogger,
  });
  const holder = async () => (await storage.facts("vol")).machine;
  return { machine, vm, storage, holder };
}

/** Makes the next plugging wait. Resolves when it has begun, to what lets it go on. */
function plugging(vm: FakeVm): Promise<() => void> {
  return new Promise((begun) => {
    const gate = Promise.withResolvers<void>();
    vm.slots.plugging = () => (
      begun(gate.resolve), Promise.race([gate.promise, vm.exited.then(() => Promise.reject(new Error("QEMU ended.")))])
    );
  });
}

describe("a volume of a running machine", () => {
  test("that cannot come or go because the host's disk is full is refused with that reason", async () => {
    const { machine } = await open();
    try {
      for (const change of [() => machine.attach(DISK), () => machine.detach(DISK.id)]) {
        // The first step is the machine's record.
        const error = await disturbed("full", 0, change);
        assert.equal((error as (Error & { code?: string }) | null)?.code, "NO_SPACE", String(error));
        await change();
      }
    } finally {
      await machine.destroy();
    }
  });

  test("neither comes nor goes while the machine is being forked or paused", async () => {
    const { machine, vm, holder } = await open();
    const gate = Promise.withResolvers<void>();
    const forking = machine.exclusively(() => gate.promise);
    const attaching = machine.attach(DISK);
    await new Promise(setImmediate);
    assert.deepEqual([machine.volumes, vm.slots.disks.size], [[], 0]);
    gate.resolve();
    await Promise.all([forking, attaching]);
    assert.deepEqual([machine.volumes, await holder()], [["vol"], "sbx"]);
    await machine.destroy();
  });

  test("does not come any more once the machine is paused, nor is its root copied", async () => {
    const { machine, vm, storage } = await open();
    const undo = () => Promise.reject(new Error("It was not destroyed."));
    const pausing = machine.exclusively(() => machine.leave(() => vm.kill(), undo));
    const attaching = machine.attach(DISK);
    const copying = machine.snapshotRoot("snap");
    copying.catch(() => {});
    await pausing;
    assert.deepEqual(await machine.exited, { reason: "paused" });
    await assert.rejects(attaching, { name: "GuestGone" });
    await assert.rejects(copying, { name: "GuestGone" });
    await storage.remove("vol");
  });

  test("that is just coming is free when the machine has ended", async () => {
    const { machine, vm, storage } = await open();
    const begun = plugging(vm);
    const attaching = assert.rejects(machine.attach(DISK), /QEMU ended/);
    await begun;
    await machine.destroy();
    await attaching;
    await storage.remove("vol");
    await assert.rejects(machine.attach(DISK), { name: "GuestGone" });
  });

  test("has the time to be closed that it needs, although the agent has gone long ago", async (context) => {
    const { machine, vm, holder } = await open();
    await machine.attach(DISK);
    vm.agent.outcomes.set("/call/diskFreeze", { ok: { frozen: true } });
    const gone = new AbortController();
    const timeoutOf = AbortSignal.timeout.bind(AbortSignal);
    const timeout = context.mock.method(AbortSignal, "timeout", (ms: number) =>
      ms === 2_000 ? gone.signal : timeoutOf(ms),
    );
    const gate = Promise.withResolvers<void>();
    const quit = vm.quit.bind(vm);
    vm.quit = async () => {
      vm.agent.close();
      await gate.promise;
      return await quit();
    };
    const destroying = machine.destroy();
    while (!timeout.mock.calls.some(({ arguments: [ms] }) => ms === 2_000)) await new Promise(setImmediate);
    gone.abort();
    await new Promise(setImmediate);
    assert.deepEqual([vm.state, await holder()], ["running", "sbx"]);
    gate.resolve();
    await destroying;
    assert.deepEqual([await machine.exited, await holder()], [{ reason: "destroyed" }, null]);
  });

  test("that is just coming is there when the server leaves the machine to the next one", async () => {
    const { machine, vm, holder } = await open();
    const begun = plugging(vm);
    const attaching = machine.attach(DISK);
    const proceed = await begun;
    const leaving = machine.release();
    proceed();
    await Promise.all([attaching, leaving]);
    assert.deepEqual([machine.disks, await holder(), vm.state], [[DISK], "sbx", "running"]);
    await vm.kill();
  });

  test("that cannot be taken away again is free when that is answered, because the machine is ended", async () => {
    const { machine, vm, storage } = await open();
    for (const call of ["/call/diskMount", "/call/diskUnmount"])
      vm.agent.outcomes.set(call, { error: { constructorName: "Error", message: "stuck", code: "EIO" } });
    await assert.rejects(machine.attach(DISK), /stuck/);
    await storage.remove("vol");
    assert.equal((await machine.exited).reason, "crashed");
  });
});

test("a snapshot of a root that the host's disk has no room for is refused with that reason", async () => {
  const { machine } = await open({ image: null, layers: [], capacityBytes: 16 * MIB });
  try {
    const error = await disturbed("full", 0, () => machine.snapshotRoot("snap"));
    assert.equal((error as (Error & { code?: string }) | null)?.code, "NO_SPACE", String(error));
  } finally {
    await machine.destroy();
  }
});

test("a machine that has ended is not paused any more: its folder is being removed", async () => {
  const { machine, vm } = await open();
  await vm.kill();
  assert.equal((await machine.exited).reason, "crashed");
  const suspend = () => Promise.reject(new Error("It was suspended."));
  await assert.rejects(
    machine.leave(suspend, () => Promise.resolve()),
    { name: "GuestGone" },
  );
});
