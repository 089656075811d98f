import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLogger, tryLockFile } from "@sandkeep/common";
import { ROOT_SLOT } from "../engine/engine.ts";
import { FakeEngine } from "../engine/testing/fake-engine.ts";
import { createFolder } from "../machines/folder.ts";
import { PausedMachines } from "../machines/paused.ts";
import { type FindImage, Roots } from "../roots.ts";
import { IMAGE, openStorage } from "../storage/testing/opened-storage.ts";
import { TemplateStore } from "../templates/store.ts";
import { LocalHost } from "./local-host.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-local-host-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const image = { kernel: "vmlinux", initramfs: "initramfs", rootDisk: "root.qcow2", diskBytes: 1024 ** 3 };

const specOf = () => ({ id: "sbx_1", owner: "cp_1", memoryMiB: 1_280, env: {}, keep: false });

async function open(findImage?: FindImage) {
  const [runDir, templatesDir] = [mkdtempSync(join(dir, "run-")), mkdtempSync(join(dir, "templates-"))];
  const engine = new FakeEngine();
  const log = silentLogger;
  const storage = await openStorage(mkdtempSync(join(dir, "storage-")));
  const host = new LocalHost({
    id: "host_1",
    options: { dataDir: dir, image: { id: "usual", ...image, agent: "" }, log, aheadMemoryMiB: 0 },
    runDir,
    engine,
    roots: new Roots({ id: "usual", ...image }, findImage),
    templates: new TemplateStore({ dir: templatesDir, newFolder: () => createFolder(runDir), engine, log }),
    storage,
    lock: (await tryLockFile(join(dir, "lock")))!,
    caCertificates: [],
    forkVerdicts: join(dir, "forks.json"),
    paused: await PausedMachines.open(join(dir, "paused")),
  });
  return { host, engine, storage, runDir };
}

test("a machine can have a snapshot as its root, if that is bootable", async () => {
  const { host, engine, storage } = await open();
  await storage.createVolume({ id: "vol", capacityBytes: 2 * IMAGE.bytes, from: { image: IMAGE.id } });
  await storage.snapshotVolume("vol", "snap");
  await storage.createVolume({ id: "data", capacityBytes: IMAGE.bytes });
  await storage.snapshotVolume("data", "not-a-root");
  const create = (snapshot: string) => host.create({ ...specOf(), root: { snapshot } });
  await create("snap");
  // The snapshot's own layers, and the machine's.
  const { layers, bytes } = engine.alive[0]!.slots.disks.get(ROOT_SLOT)!;
  assert.deepEqual([layers.length, bytes], [2 + 1, 2 * IMAGE.bytes]);
  await assert.rejects(create("not-a-root"), { name: "DiskError", code: "NOT_BOOTABLE" });
  await assert.rejects(create("vol"), { name: "DiskError", code: "WRONG_KIND" });
  await assert.rejects(create("nothing"), { name: "DiskError", code: "UNKNOWN_DISK" });
  await host.close();
});

test("a snapshot of a running machine's root is a root as any other, and the machine goes on with a new layer", async () => {
  const { host, engine, storage } = await open();
  await storage.createVolume({ id: "vol", capacityBytes: IMAGE.bytes, from: { image: IMAGE.id } });
  await storage.snapshotVolume("vol", "first");
  const create = (snapshot: string) => host.create({ ...specOf(), root: { snapshot } });
  const machine = await create("first");
  const { agent, slots } = engine.alive.find(({ slots }) => slots.disks.has(ROOT_SLOT))!;
  agent.outcomes.set("/call/diskFreeze", { ok: { frozen: true } });
  agent.outcomes.set("/call/diskThaw", { ok: { frozen: true } });
  for (const snapshot of ["second", "third"]) assert.equal((await machine.snapshotRoot(snapshot)).bootable, true);
  await assert.rejects(machine.snapshotRoot("third"), { name: "DiskError", code: "DISK_EXISTS" });
  // Thawed by the agent's timer meanwhile: what was written in between may be half there.
  agent.outcomes.set("/call/diskThaw", { ok: { frozen: false } });
  await assert.rejects(machine.snapshotRoot("fourth"), /not frozen for long enough/);
  await assert.rejects(storage.facts("fourth"), { code: "UNKNOWN_DISK" });
  const written = slots.disks.get(ROOT_SLOT)!.layers;
  // Two of the first snapshot, and one for each time.
  assert.equal(written.length, 2 + 4);
  for await (const { state } of storage.verify()) assert.equal(state, "fine");
  await machine.destroy();
  await create("third");
  const again = engine.alive.find(({ slots }) => slots.disks.has(ROOT_SLOT))!;
  assert.equal(again.slots.disks.get(ROOT_SLOT)!.layers.length, 2 + 2 + 1);
  await host.close();
});

test("a machine can have a volume as its root, which no other can have meanwhile", async () => {
  const { host, engine, storage } = await open();
  await storage.createVolume({ id: "vol", capacityBytes: IMAGE.bytes, from: { image: IMAGE.id } });
  await storage.createVolume({ id: "data", capacityBytes: IMAGE.bytes });
  const create = (volume: string) => host.create({ ...specOf(), root: { volume } });
  const machine = await create("vol");
  const vm = engine.alive.find(({ slots }) => slots.disks.has(ROOT_SLOT))!;
  const told = vm.agent.told;
  assert.ok(told.indexOf("/call/enter") < told.indexOf("/call/resume"));
  assert.deepEqual(machine.disks, []);
  assert.equal((await storage.facts("vol")).machine, machine.id);
  await assert.rejects(create("vol"), { name: "DiskError", code: "DISK_IN_USE", message: new RegExp(machine.id) });
  await assert.rejects(machine.detach("/"), { name: "DiskError", code: "UNKNOWN_DISK" });
  await assert.rejects(create("data"), { name: "DiskError", code: "NOT_BOOTABLE" });
  await machine.destroy();
  assert.equal((await storage.facts("vol")).machine, null);
  await host.close();
});

test("a machine that is being resumed when another control plane takes over is handed over", async () => {
  const { host, engine, storage } = await open();
  await storage.createVolume({ id: "vol", capacityBytes: IMAGE.bytes, from: { image: IMAGE.id } });
  await storage.snapshotVolume("vol", "snap");
  const { id } = await host.create({ ...specOf(), keep: true, root: { snapshot: "snap" } });
  await host.pause(id);
  const [reviving, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  engine.reviving = () => (reviving.resolve(), gate.promise);
  const resuming = host.resume({ id, owner: "cp_1", keep: true });
  await reviving.promise;
  const adopting = host.adopt("cp_2", [id], "cp_1");
  gate.resolve();
  assert.deepEqual(await adopting, [await resuming]);
  assert.deepEqual([await host.paused("cp_1"), await host.paused("cp_2")], [[], []]);
  await host.close();
});

test("closing waits for a machine whose root is still being looked for, and leaves nothing of it", async () => {
  const found = Promise.withResolvers<{ id: string } & typeof image>();
  const asked = Promise.withResolvers<void>();
  const { host, engine, runDir } = await open(() => (asked.resolve(), found.promise));
  const spec = { ...specOf(), root: { image: "other" } };
  const created = host.create(spec).catch((error: unknown) => error);
  await asked.promise;
  const closed = host.close();
  found.resolve({ id: "other", ...image });
  await closed;
  await created;
  assert.deepEqual([engine.alive.length, readdirSync(runDir)], [0, []]);
  assert.ok(engine.isDisposed, "and no program that helps the engine");
  using lock = await tryLockFile(join(dir, "lock"));
  assert.ok(lock);
});
