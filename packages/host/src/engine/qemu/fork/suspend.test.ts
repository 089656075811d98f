import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ForkedFrom, SuspendOptions } from "../../engine.ts";
import type { QemuProcess } from "../process.ts";
import type { PageCopiers } from "./page-copiers.ts";
import { suspendedFiles, suspendProcess } from "./suspend.ts";
import { DEVICES, templateState } from "./testing/states.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-suspend-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const LAYER = "disk.qcow2";

/** A machine whose QEMU does nothing but what a test lets it do. */
function open({ pause = async () => {}, save = async () => {} } = {}) {
  const folder = mkdtempSync(join(dir, "machine-"));
  const layer = join(folder, LAYER);
  const state = join(dir, "template-state");
  writeFileSync(state, templateState());
  writeFileSync(layer, "");
  const files = suspendedFiles(folder);
  const did: string[] = [];
  const execute = async (command: string) => {
    if (command !== "xen-save-devices-state") return;
    await save();
    await writeFile(files.state, DEVICES);
  };
  const vm = {
    dir: folder,
    process: { pid: 1, startTicks: 1 },
    qmp: { execute },
    give: async () => {},
    pause: async () => (did.push("pause"), await pause()),
    resume: async () => void did.push("resume"),
    kill: async () => void did.push("kill"),
  } as unknown as QemuProcess;
  const copier = { ready: Promise.resolve(), copy: async () => await writeFile(files.pages, "") };
  const copiers = { lend: () => ({ copier, [Symbol.asyncDispose]: async () => {} }) } as unknown as PageCopiers;
  const from = { template: { memory: join(dir, "memory"), state } } as unknown as ForkedFrom;
  const suspend = (options: Partial<SuspendOptions> = {}) =>
    suspendProcess(
      vm,
      from,
      { own: [LAYER], method: "copy", beforePause: async () => {}, commit: async () => folder, ...options },
      copiers,
    );
  return { suspend, did, layer, left: () => readdirSync(folder).filter((name) => name !== LAYER) };
}

test("the disk is synced after the state is saved, with which QEMU writes what it could not write before", async () => {
  // A layer that is synced before is not there.
  const machine = open({
    pause: () => rm(machine.layer),
    save: async () => {
      for (let turn = 0; turn < 20; turn++) await rm(machine.layer, { force: true });
      await writeFile(machine.layer, "");
    },
  });
  await machine.suspend();
  assert.deepEqual(machine.did, ["pause", "kill"]);
  assert.deepEqual(machine.left().sort(), ["suspended-pages", "suspended-state"]);
});

test("a suspension that fails before the machine pauses, or afterwards, leaves nothing in its folder", async () => {
  const failing = async () => {
    throw new Error("no space");
  };
  const before = open();
  await assert.rejects(before.suspend({ beforePause: failing }), /no space/);
  assert.deepEqual([before.left(), before.did], [[], []]);
  const afterwards = open();
  await assert.rejects(afterwards.suspend({ commit: failing }), /no space/);
  assert.deepEqual([afterwards.left(), afterwards.did], [[], ["pause", "resume"]]);
});
