import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ForkedFrom } from "../../engine/engine.ts";
import { FakeEngine, type FakeVm } from "../../engine/testing/fake-engine.ts";
import { fakeRoot } from "../../engine/testing/fake-root.ts";
import type { Identity } from "../../guest/contract.ts";
import { connectGuest } from "../../machines/clone.ts";
import { createFolder, readRecord } from "../../machines/folder.ts";
import { MachineDisks } from "../../machines/machine-disks.ts";
import { startMeter } from "../../machines/meter.ts";
import { engineId, rootRecord } from "../../machines/source.ts";
import { LOADING } from "../../pool/loading.ts";
import type { Pools } from "../../pool/pools.ts";
import { enterMachine } from "../new-machine.ts";
import { sizeOf } from "../size.ts";
import { hostParts } from "../testing/host-parts.ts";
import { ForkMethods } from "./fork-method.ts";
import { Forking } from "./forking.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-forking-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const PATIENCE_MS = 60_000;

/** A host with one machine. */
async function open({ old = false, trusts = false, caCertificates = [] as string[] } = {}) {
  const engine = new FakeEngine();
  const runDir = mkdtempSync(join(dir, "run-"));
  const template = engine.templateFiles(mkdtempSync(join(dir, "template-")), true);
  writeFileSync(template.memory, "");
  const source: ForkedFrom = { template, root: fakeRoot().disk!, engine: engineId(engine) };
  const prepare = async () => {
    const folder = createFolder(runDir);
    return {
      dir: folder,
      vm: await engine.prepare({ dir: folder, size: sizeOf(1_280), root: source.root }),
    };
  };
  const pools = { prepare, shrink: async () => false, disturb() {} } as unknown as Pools;
  const parts = await hostParts(dir, { engine, runDir, pools, caCertificates });
  const { machines, storage } = parts;
  const { vm, dir: folder } = await prepare();
  await vm.load();
  const guest = await connectGuest(vm, PATIENCE_MS);
  const clone = { vm, dir: folder, guest, from: old ? null : source, trusts };
  const disks = new MachineDisks({ machine: "sbx_parent", clone, storage });
  const record = {
    id: "sbx_parent",
    owner: "cp_1",
    memoryMiB: 1_280,
    keep: true,
    root: rootRecord(folder, source, "debian", ["disk.qcow2"]),
    disks: [],
    meter: startMeter(vm),
    from: source,
  };
  const parent = enterMachine(parts, { clone, record, disks }, undefined);
  const methods = { of: async () => "copy" } as unknown as ForkMethods;
  return {
    engine,
    parts,
    parent,
    disks,
    source,
    agent: (vm as FakeVm).agent,
    forking: new Forking(parts, methods),
    folders: () => readdirSync(runDir),
    [Symbol.asyncDispose]: async () => void (await Promise.all(machines.all.map((machine) => machine.destroy()))),
  };
}

const spec = (id: string) => ({ id, owner: "cp_1", env: { WHO: id }, keep: false });
const about = (told: string[]) => told.filter((call) => /Processes|resume/.test(call));

test("the parent's processes stop for the fork only, and each child gets an identity before it is handed out", async () => {
  await using host = await open();
  host.engine.forking = async () => assert.deepEqual(about(host.agent.told), ["/call/freezeProcesses"]);
  const children = await host.forking.fork(host.parent, [spec("sbx_a"), spec("sbx_b")]);
  assert.deepEqual(about(host.agent.told), ["/call/freezeProcesses", "/call/thawProcesses"]);
  for (const [n, child] of children.entries()) {
    assert.equal(host.parts.machines.get(child.id), child);
    assert.deepEqual(about((child.clone.vm as FakeVm).agent.told), ["/call/resume"]);
    assert.equal((await readRecord(child.clone.dir))?.id, ["sbx_a", "sbx_b"][n]);
  }
});

test("if one child does not confirm its identity, all are ended, and the parent goes on", async () => {
  await using host = await open();
  let vm: FakeVm | undefined;
  host.engine.forking = async () => {
    vm = host.engine.vms.at(-1)!;
    vm.agent.outcomes.set("/call/resume", { error: { constructorName: "Error", message: "no clock" } });
  };
  await assert.rejects(host.forking.fork(host.parent, [spec("sbx_a"), spec("sbx_b")]), /no clock/);
  assert.equal(vm!.state, "ended");
  assert.equal(host.engine.alive.length, 1);
  assert.equal(host.folders().length, 1);
  assert.equal(host.parts.machines.size, 1);
  assert.deepEqual(about(host.agent.told), ["/call/freezeProcesses", "/call/thawProcesses"]);
});

test("as many children load and get their identity at a time as there are processors", async () => {
  await using host = await open();
  let loading = 0;
  const waiting: (() => void)[] = [];
  host.engine.loading = async () => {
    loading++;
    await new Promise<void>((resolve) => waiting.push(resolve));
    loading--;
  };
  const specs = Array.from({ length: availableParallelism() + 2 }, (_, n) => spec(`sbx_${n}`));
  const forked = host.forking.fork(host.parent, specs);
  let loaded = 0;
  void forked.then((children) => (loaded = children.length));
  const most = Math.min(specs.length, availableParallelism());
  while (loaded < specs.length) {
    assert.ok(loading <= most, String(loading));
    if (loading === most || waiting.length > 0) waiting.shift()?.();
    await new Promise(setImmediate);
  }
  assert.equal(host.parts.machines.size, 1 + specs.length);
});

/** More children than load at a time, of which none confirms its identity. */
async function hang(host: Awaited<ReturnType<typeof open>>) {
  const specs = Array.from({ length: availableParallelism() + 2 }, (_, n) => spec(`sbx_${n}`));
  let loads = 0;
  host.engine.loading = async () => void loads++;
  host.engine.forking = async () => {
    for (const { agent } of host.engine.vms.slice(1)) agent.outcomes.set("/call/resume", "pending");
  };
  const forked = host.forking.fork(host.parent, specs);
  forked.catch(() => {});
  const children = () => host.engine.vms.slice(1);
  const told = () => children().filter(({ agent }) => agent.told.includes("/call/resume"));
  while (told().length < availableParallelism()) await new Promise(setImmediate);
  return { forked, told, loads: () => loads };
}

test("who waits for another machine does not wait for children whose agents do not answer", async () => {
  await using host = await open();
  const { forked, told } = await hang(host);
  await LOADING.run(async () => {});
  await told()[0]!.kill();
  await assert.rejects(forked, { name: "GuestGone" });
});

test("once a child has failed, the others are ended at once, and no more begin", async () => {
  await using host = await open();
  const { forked, told, loads } = await hang(host);
  await told().at(-1)!.kill();
  await assert.rejects(forked, { name: "GuestGone" });
  assert.equal(loads(), availableParallelism());
  assert.deepEqual([host.engine.alive.length, host.folders().length, host.parts.machines.size], [1, 1, 1]);
});

test("children are told the host's authorities only if their parent may not trust them", async () => {
  for (const trusts of [false, true]) {
    await using host = await open({ trusts, caCertificates: ["one"] });
    const [child] = await host.forking.fork(host.parent, [spec("sbx_a")]);
    const { caCertificates } = (child!.clone.vm as FakeVm).agent.params.get("/call/resume") as Identity;
    assert.deepEqual(caCertificates, trusts ? undefined : ["one"]);
    assert.equal(child!.clone.trusts, true);
  }
});

test("processes that stopped long before the parent is copied are told so again", async (context) => {
  await using host = await open();
  let now = 0;
  // Everything takes a minute.
  context.mock.method(performance, "now", () => (now += 60_000));
  const frozen = ["/call/freezeProcesses", "/call/freezeProcesses"];
  host.engine.forking = async () => assert.deepEqual(about(host.agent.told), frozen);
  await host.forking.fork(host.parent, [spec("sbx_a")]);
  assert.deepEqual(about(host.agent.told), [...frozen, "/call/thawProcesses"]);
});

test("a fork that fails leaves nothing, and the parent's processes go on", async () => {
  await using host = await open();
  host.engine.forking = () => Promise.reject(new Error("the state does not fit"));
  await assert.rejects(host.forking.fork(host.parent, [spec("sbx_a")]), /does not fit/);
  assert.deepEqual([host.engine.alive.length, host.folders().length, host.parts.machines.size], [1, 1, 1]);
  assert.equal(about(host.agent.told).at(-1), "/call/thawProcesses");
});

test("a fork that fails while its parent's processes stop lets them go on only afterwards", async () => {
  await using host = await open();
  host.engine.forking = () => Promise.reject(new Error("no space"));
  host.agent.outcomes.set("/call/freezeProcesses", "pending");
  const failed = assert.rejects(host.forking.fork(host.parent, [spec("sbx_a")]), { code: "UNKNOWN_MACHINE" });
  while (!about(host.agent.told).includes("/call/freezeProcesses")) await new Promise(setImmediate);
  // What the agent is told next could be done first.
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  assert.deepEqual(about(host.agent.told), ["/call/freezeProcesses"]);
  await host.parent.destroy();
  await failed;
});

test("a machine with volumes, of an earlier version, or whose template is gone, is refused", async () => {
  await using host = await open();
  host.disks.enterAll([{ id: "data", volume: "vol_1", readOnly: false, mount: "/data" }]);
  await assert.rejects(host.forking.fork(host.parent, [spec("sbx_a")]), { code: "HAS_VOLUMES", message: /vol_1/ });
  await using old = await open({ old: true });
  await assert.rejects(old.forking.fork(old.parent, [spec("sbx_a")]), { code: "NOT_FORKABLE" });
  await using other = await open();
  other.source.engine = "qemu of last year";
  const refused = { code: "NOT_FORKABLE", message: /another version of QEMU/ };
  await assert.rejects(other.forking.fork(other.parent, [spec("sbx_a")]), refused);
  await using removed = await open();
  rmSync(removed.source.template.memory);
  const gone = { code: "NOT_FORKABLE", message: /template .* was removed/ };
  await assert.rejects(removed.forking.fork(removed.parent, [spec("sbx_a")]), gone);
  assert.deepEqual(about(removed.agent.told), []);
});

test("a machine that ends before its fork, or meanwhile, is reported as such", async () => {
  await using host = await open();
  host.engine.forking = async () => {
    await host.parent.clone.vm.kill();
    throw new Error("QEMU ended.");
  };
  const attempts = [host.forking.fork(host.parent, [spec("sbx_a")]), host.forking.fork(host.parent, [spec("sbx_b")])];
  const messages = (await Promise.allSettled(attempts)).map((attempt) => {
    assert.ok(attempt.status === "rejected");
    assert.equal(attempt.reason.code, "UNKNOWN_MACHINE");
    return attempt.reason.message;
  });
  assert.match(messages[0], /ended while it was being forked/);
  assert.match(messages[1], /does not run any more/);
});

test("where a copy is not what its parent was, forks are migrations; the verdict is kept", async () => {
  await using host = await open();
  const file = join(mkdtempSync(join(dir, "verdict-")), "forks.json");
  const methods = () => new ForkMethods(host.parts, { file, jail: "full" });
  // The agent here reads nothing back.
  assert.equal(await methods().of(host.source, sizeOf(1_280)), "migration");
  assert.match(readFileSync(file, "utf8"), /differs after the fork/);
  const started = host.engine.vms.length;
  assert.equal(await methods().of(host.source, sizeOf(1_280)), "migration");
  assert.equal(host.engine.vms.length, started, "nothing is proven again");
  assert.equal(host.engine.alive.length, 1);
  await new ForkMethods(host.parts, { file, jail: "minimal" }).of(host.source, sizeOf(1_280));
  const again = host.engine.vms.length;
  assert.ok(again > started, "another jail may allow other things");

  // What failed may have been the computer's fault, so it is tried again some time later.
  const verdicts = JSON.parse(readFileSync(file, "utf8"));
  for (const verdict of Object.values<{ triedAt: number }>(verdicts)) verdict.triedAt -= 2 * 60 * 60_000;
  writeFileSync(file, JSON.stringify(verdicts));
  await methods().of(host.source, sizeOf(1_280));
  assert.ok(host.engine.vms.length > again);
});
