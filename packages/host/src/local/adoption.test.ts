import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, describe, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { FakeEngine } from "../engine/testing/fake-engine.ts";
import { fakeRoot } from "../engine/testing/fake-root.ts";
import { createFolder, type MachineRecord, readRecord, writeRecord } from "../machines/folder.ts";
import { Pools } from "../pool/pools.ts";
import { disturbed } from "../storage/testing/disturbed.ts";
import { TemplateStore } from "../templates/store.ts";
import { adoptMachines, removeUnowned } from "./adoption.ts";
import { hostParts } from "./testing/host-parts.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-adopt-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const usual = { root: fakeRoot(), size: { memoryMiB: 1_280, vcpus: 2 } };

/** A host, after the process that ran these machines is gone. */
async function host() {
  const runDir = mkdtempSync(join(dir, "run-"));
  const engine = new FakeEngine();
  const templatesDir = join(runDir, "..", `templates-${basename(runDir)}`);
  mkdirSync(templatesDir);
  const newFolder = () => createFolder(runDir);
  const log = silentLogger;
  const templates = new TemplateStore({ dir: templatesDir, newFolder, engine, log });
  const closing = new AbortController().signal;
  const pools = new Pools({ engine, templates, usual, runDir, budgetMiB: 0, caCertificates: [], log, closing });
  const parts = await hostParts(dir, { engine, runDir, templates, pools });
  const { machines } = parts;

  /** Starts a machine as an earlier process would. */
  const leave = async (id: string | null, record: Partial<MachineRecord> = {}) => {
    const folder = createFolder(runDir);
    await engine.boot({ dir: folder, size: usual.size, boot: usual.root.boot });
    if (id !== null)
      await writeRecord(folder, {
        id,
        owner: "cp_1",
        memoryMiB: 1_280,
        keep: true,
        root: null,
        disks: [],
        meter: null,
        from: null,
        ...record,
      });
    return folder;
  };
  const running = () => engine.alive.map(({ options }) => options.dir).sort();
  const folders = () =>
    readdirSync(runDir)
      .map((name) => join(runDir, name))
      .sort();
  return {
    engine,
    parts,
    leave,
    running,
    folders,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(machines.all.map((machine) => machine.destroy()));
      await engine.sweep(runDir, () => true);
    },
  };
}

describe("what a former process left", () => {
  test("and is nobody's is removed before anything else is started", async () => {
    await using opened = await host();
    const { parts, leave, running, folders } = opened;
    const kept = await leave("sbx_1");
    await leave(null);
    const theirs = await leave("sbx_2", { owner: "cp_2", keep: false });
    // Its resumption did not get to its end.
    await leave("sbx_paused");
    const paused = { has: async (id: string) => id === "sbx_paused" };
    await removeUnowned({ ...parts, paused });
    assert.deepEqual(running(), [kept, theirs].sort());
    assert.deepEqual(folders(), [kept, theirs].sort());
  });

  test("and cannot be removed does not keep the server from starting", async () => {
    let kept = 0;
    // The first two steps are opening their records.
    for (let at = 2; at < 6; at++) {
      await using opened = await host();
      const { parts, leave, running, folders } = opened;
      await leave(null);
      await leave(null);
      const start = () => removeUnowned({ ...parts, paused: { has: async () => false } });
      assert.equal(await disturbed("full", at, start), null);
      assert.deepEqual(running(), []);
      kept += folders().length;
      await start();
      assert.deepEqual(folders(), []);
    }
    // Removing each of the two failed once.
    assert.equal(kept, 2);
  });

  test("is not removed because its record cannot be opened: nothing is, and the next start takes it over", async () => {
    await using opened = await host();
    const { parts, leave, running, folders } = opened;
    const left = [await leave("sbx_1"), await leave(null)].sort();
    const request = { owner: "cp_1", from: "cp_1", ids: ["sbx_1"] };
    const start = () => removeUnowned({ ...parts, paused: { has: async () => false } });
    for (const task of [start, () => adoptMachines(parts, request)])
      for (const at of [0, 1]) {
        assert.match(String(await disturbed("full", at, task)), /cannot be read/);
        assert.deepEqual(running(), left);
        assert.deepEqual(folders(), left);
      }
    await start();
    assert.equal((await adoptMachines(parts, request)).length, 1);
  });

  test("is taken over on a full disk, too, whether or not something of it is to be written", async () => {
    const before = { cpuSeconds: 0, memoryMiBSeconds: 0, egressBytesUp: 0, egressBytesDown: 0 };
    const meters = [{ before, cpuSeconds: 0, uptimeSeconds: 1 }, null];
    for (const [at, meter] of [1, 2, 3, 4, 5].flatMap((at) => meters.map((meter) => [at, meter] as const))) {
      await using opened = await host();
      const { parts, leave, running } = opened;
      const left = await leave("sbx_1", { meter });
      const task = () => adoptMachines(parts, { owner: "cp_1", from: "cp_1", ids: ["sbx_1"] });
      assert.equal(await disturbed("full", at, task), null);
      assert.deepEqual([parts.machines.size, running()], [1, [left]]);
    }
  });

  test("is taken over or removed for its owner, and left alone for all others", async () => {
    await using opened = await host();
    const { parts, leave, running, folders } = opened;
    const kept = await leave("sbx_kept");
    await leave("sbx_session", { keep: false });
    await leave("sbx_forgotten");
    const theirs = [
      await leave("sbx_theirs", { owner: "cp_2" }),
      await leave("sbx_other", { owner: "cp_2", keep: false }),
    ];
    const ids = ["sbx_kept", "sbx_session", "sbx_theirs", "sbx_unknown"];
    const machines = await adoptMachines(parts, { owner: "cp_1", from: "cp_1", ids });
    assert.deepEqual(
      machines.map(({ id, owner }) => [id, owner]),
      [["sbx_kept", "cp_1"]],
    );
    assert.deepEqual(running(), [kept, ...theirs].sort());
    assert.deepEqual(folders(), [kept, ...theirs].sort());
  });

  test("of an earlier version, whose agents know no forks, is taken over too", async () => {
    await using opened = await host();
    const { engine, parts, leave } = opened;
    await leave("sbx_1");
    const error = { constructorName: "NotSupported", message: "Unknown call" };
    for (const call of ["wake", "thawProcesses"]) engine.alive[0]!.agent.outcomes.set(`/call/${call}`, { error });
    const machines = await adoptMachines(parts, { owner: "cp_1", from: "cp_1", ids: ["sbx_1"] });
    assert.equal(machines.length, 1);
  });

  test("whose file systems were frozen for a snapshot writes again: its root and its volumes", async () => {
    await using opened = await host();
    const { engine, parts, leave } = opened;
    await parts.storage.createVolume({ id: "vol_1", capacityBytes: 32 * 1024 ** 2 });
    const disk = { id: "data", volume: "vol_1", readOnly: false, mount: "/data", slot: 3, mounted: true };
    parts.storage.reserve("vol_1", { machine: "sbx_1", readOnly: false });
    await leave("sbx_1", { disks: [disk] });
    const { agent } = engine.alive[0]!;
    assert.equal((await adoptMachines(parts, { owner: "cp_1", from: "cp_1", ids: ["sbx_1"] })).length, 1);
    assert.equal(agent.told.filter((call) => call === "/call/diskThaw").length, 2);
    assert.deepEqual(agent.params.get("/call/diskThaw"), { slot: 3 });
  });

  test("is taken over entirely when one of them cannot be now, and that one the next time", async () => {
    await using opened = await host();
    const { engine, parts, leave, running } = opened;
    const [first, second] = [await leave("sbx_first"), await leave("sbx_second")];
    const adopt = engine.adopt.bind(engine);
    const slow = Promise.withResolvers<void>();
    engine.adopt = async (dir) => {
      if (dir === first) throw new Error("no descriptors are left");
      await slow.promise;
      return await adopt(dir);
    };
    const request = { owner: "cp_1", from: "cp_1", ids: ["sbx_first", "sbx_second"] };
    const ids = () => parts.machines.all.map(({ id }) => id);
    const failed = adoptMachines(parts, request).catch((error: Error) => [error.message, ...ids()]);
    setImmediate(slow.resolve);
    assert.deepEqual(await failed, ["no descriptors are left", "sbx_second"]);
    engine.adopt = adopt;
    assert.equal((await adoptMachines(parts, request)).length, 2);
    assert.deepEqual(ids().sort(), request.ids);
    assert.deepEqual(running(), [first, second].sort());
  });

  test("goes to whoever takes an owner's place, and is on record as that one's", async () => {
    await using opened = await host();
    const { parts, leave, running } = opened;
    const mine = await leave("sbx_mine");
    const theirs = await leave("sbx_theirs", { owner: "cp_2" });
    await leave("sbx_session", { owner: "cp_2", keep: false });
    const [machine] = await adoptMachines(parts, { owner: "cp_1", from: "cp_2", ids: ["sbx_theirs", "sbx_mine"] });
    assert.equal(machine!.id, "sbx_theirs");
    assert.equal((await readRecord(theirs))!.owner, "cp_1");
    assert.deepEqual(running(), [mine, theirs].sort());
  });

  test("of a version that noted no owner is whose control plane asks first", async () => {
    await using opened = await host();
    const { parts, leave } = opened;
    const old = await leave("sbx_old", { owner: null });
    const [machine] = await adoptMachines(parts, { owner: "cp_1", from: "cp_1", ids: ["sbx_old"] });
    assert.equal(machine!.owner, "cp_1");
    assert.equal((await readRecord(old))!.owner, "cp_1");
    assert.deepEqual(await adoptMachines(parts, { owner: "cp_2", from: "cp_2", ids: ["sbx_old"] }), []);
  });
});

test("a machine that this process has is handed over when its owner is gone, and runs on", async () => {
  await using opened = await host();
  const { parts, leave, running } = opened;
  const dir = await leave("sbx_1");
  await leave("sbx_2");
  const machines = await adoptMachines(parts, { owner: "cp_1", from: "cp_1", ids: ["sbx_1", "sbx_2"] });
  const machine = machines.find(({ id }) => id === "sbx_1");
  const again = await adoptMachines(parts, { owner: "cp_2", from: "cp_1", ids: ["sbx_1"] });
  assert.equal(again.length, 1);
  assert.equal(again[0], machine);
  assert.equal(machine!.owner, "cp_2");
  // A control plane that did not get the answer asks again.
  assert.deepEqual(await adoptMachines(parts, { owner: "cp_2", from: "cp_1", ids: ["sbx_1"] }), [machine]);
  // Nobody asked for the other one.
  assert.deepEqual(running(), [dir]);
});
