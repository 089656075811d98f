import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { silentLogger } from "@sandkeep/common";
import type { EgressSpec } from "@sandkeep/egress";
import type { HostEgress } from "../egress/host-egress.ts";
import { FakeEngine, type FakeVm } from "../engine/testing/fake-engine.ts";
import type { Identity } from "../guest/contract.ts";
import { readRecord } from "../machines/folder.ts";
import { MachineRegistry } from "../machines/registry.ts";
import { Pool } from "../pool/pool.ts";
import type { Pools } from "../pool/pools.ts";
import { Creation } from "./creation.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-creation-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const root = { id: "debian", boot: { kernel: "vmlinuz", initramfs: "initramfs", rootDisk: "root.qcow2" } };
const key = { root, size: { memoryMiB: 1_280, vcpus: 2 } };
const spec = { id: "sbx_1", owner: "cp_1", memoryMiB: 1_280, env: {}, keep: true };

/** What an agent would parse; this one does not. */
const AUTHORITY = "-----BEGIN CERTIFICATE-----";

/** For one clone. */
const BUDGET_MIB = 70;

/** A host with one clone in its warm pool, which is not replaced. */
async function open(egress: HostEgress | null = null, caCertificates: string[] = []) {
  const engine = new FakeEngine();
  const runDir = mkdtempSync(join(dir, "run-"));
  const log = silentLogger;
  const template = { ...key, files: engine.templateFiles("/templates/one") };
  const pool = new Pool({ engine, template, kind: "usual", runDir, budgetMiB: BUDGET_MIB, caCertificates, log });
  await pool.ready;
  engine.starting = () => Promise.reject(new Error("no more"));
  const pools = { of: async () => pool, shrink: () => pool.shrink() } as unknown as Pools;
  const machines = new MachineRegistry(() => {});
  const creation = new Creation({ engine, runDir, pools, machines, egress, caCertificates, log }, "full");
  return {
    engine,
    vm: engine.alive[0] as FakeVm,
    creation,
    machines,
    folders: () => readdirSync(runDir),
    [Symbol.asyncDispose]: async () => {
      await pool.close();
      await Promise.all(machines.all.map((machine) => machine.destroy()));
    },
  };
}

const identities = ({ agent }: FakeVm) => agent.told.filter((call) => call === "/call/resume").length;

test("a clone goes on in the same turn in which it is asked for, and has its identity before it has confirmed that", async () => {
  await using host = await open();
  const { engine, vm, creation } = host;
  const order: string[] = [];
  const confirmed = Promise.withResolvers<void>();
  engine.resuming = () => (order.push("resumed"), confirmed.promise);
  const before = identities(vm);
  const creating = creation.create(spec, Promise.resolve(key));
  // Where a database would commit, and block everything.
  await turn();
  order.push("committed");
  while (identities(vm) === before) await delay(1);
  assert.deepEqual(order, ["resumed", "committed"]);
  assert.equal(host.machines.size, 0);
  confirmed.resolve();
  const machine = await creating;
  assert.equal((await readRecord(machine.clone.dir))?.id, "sbx_1");
});

test("a clone that trusts the host's authorities already is not told them again", async () => {
  await using host = await open(null, [AUTHORITY]);
  const { engine, vm, creation } = host;
  const told = ({ agent }: FakeVm) => (agent.params.get("/call/resume") as Identity).caCertificates ?? [];
  await creation.create(spec, Promise.resolve(key));
  assert.deepEqual([vm.agent.told.filter((call) => call === "/call/resume").length > 1, told(vm)], [true, []]);
  // One that did not wait.
  engine.starting = async () => {};
  const { clone } = await creation.create({ ...spec, id: "sbx_2" }, Promise.resolve(key));
  assert.deepEqual(told(engine.vms.find(({ options }) => options.dir === clone.dir)!), [AUTHORITY]);
});

describe("egress of a new machine", () => {
  const egress = { policy: { allow: null, deny: [], rules: [] }, secrets: [] };

  /** A proxy that notes what it is told. */
  function proxy() {
    const told: [string, EgressSpec][] = [];
    const note = async (id: string, ...rest: unknown[]) => void told.push([id, rest.at(-1) as EgressSpec]);
    return { told, egress: { attach: note, update: note, detach: () => {} } as unknown as HostEgress };
  }

  test("who asked for the machine is answered before the proxy is told about it", async () => {
    const { told, ...parts } = proxy();
    await using host = await open(parts.egress);
    await host.creation.create({ ...spec, egress }, Promise.resolve(key));
    assert.deepEqual(told, []);
    await turn();
    assert.deepEqual(told, [["sbx_1", egress]]);
  });

  test("a policy that is set at once is not replaced by the one that the machine was created with", async () => {
    const { told, ...parts } = proxy();
    await using host = await open(parts.egress);
    const stricter = { ...egress, policy: { ...egress.policy, allow: [] } };
    const machine = await host.creation.create({ ...spec, egress }, Promise.resolve(key));
    await machine.setEgress(stricter);
    await turn();
    assert.deepEqual(told, [["sbx_1", stricter]]);
  });
});

test("a machine whose record cannot be written is discarded", async () => {
  await using host = await open();
  mkdirSync(join(host.vm.options.dir, "machine.json"));
  await assert.rejects(host.creation.create(spec, Promise.resolve(key)), { code: "EISDIR" });
  assert.deepEqual([host.engine.alive, host.folders(), host.machines.size], [[], [], 0]);
});

test("a machine that nobody waits for any more is discarded", async () => {
  await using host = await open();
  const leaving = new AbortController();
  host.engine.resuming = async () => leaving.abort(new Error("the client is gone"));
  const creating = host.creation.create(spec, Promise.resolve(key), leaving.signal);
  await assert.rejects(creating, { message: "the client is gone" });
  assert.deepEqual([host.engine.alive, host.folders(), host.machines.size], [[], [], 0]);
});

test("a machine whose agent does not answer is given up with the request, and its record is not written afterwards", async () => {
  await using host = await open();
  const { vm } = host;
  vm.agent.outcomes.set("/call/resume", "pending");
  const leaving = new AbortController();
  const before = identities(vm);
  const creating = host.creation.create(spec, Promise.resolve(key), leaving.signal);
  while (identities(vm) === before) await delay(1);
  leaving.abort(new Error("the client is gone"));
  await assert.rejects(creating, { message: "the client is gone" });
  assert.deepEqual([host.engine.alive, host.folders(), host.machines.size], [[], [], 0]);
});

test("a machine whose agent refuses its identity is discarded, and no other one is tried", async () => {
  await using host = await open();
  const { vm, engine } = host;
  const error = { constructorName: "Error", message: "no room on the disk" };
  vm.agent.outcomes.set("/call/resume", { error });
  // The agent is faster than the machine's monitor.
  engine.resuming = () => new Promise(() => {});
  await assert.rejects(host.creation.create(spec, Promise.resolve(key)), { name: "GuestError" });
  assert.deepEqual([engine.alive, host.folders(), host.machines.size], [[], [], 0]);
});

test("for a request that was given up before its turn nothing is taken from the warm pool", async () => {
  await using host = await open();
  const leaving = new AbortController();
  const root = Promise.withResolvers<typeof key>();
  const creating = host.creation.create(spec, root.promise, leaving.signal);
  leaving.abort(new Error("the client is gone"));
  root.resolve(key);
  await assert.rejects(creating, { message: "the client is gone" });
  assert.deepEqual([host.vm.state, host.machines.size], ["paused", 0]);
});
