import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { FakeEngine } from "../engine/testing/fake-engine.ts";
import { createFolder } from "../machines/folder.ts";
import { TemplateStore } from "./store.ts";
import type { TemplateKey } from "./template.ts";

const base = mkdtempSync(join(tmpdir(), "sk-template-"));
after(() => rmSync(base, { recursive: true, force: true }));

const DAY_MS = 24 * 60 * 60_000;

const keyOf = (memoryMiB: number, rootId = "debian"): TemplateKey => ({
  root: { id: rootId, boot: { kernel: "vmlinuz", initramfs: "initramfs", rootDisk: `${rootId}.qcow2` } },
  size: { memoryMiB, vcpus: 2 },
});

function newDirectories() {
  const [dir, runDir] = [mkdtempSync(join(base, "templates-")), mkdtempSync(join(base, "run-"))];
  const store = (engine: FakeEngine) =>
    new TemplateStore({ dir, newFolder: () => createFolder(runDir), engine, log: silentLogger });
  return { dir, runDir, store };
}

/** Backdates a template's last use. */
function unusedFor(folder: string, ms: number): void {
  const then = new Date(Date.now() - ms);
  utimesSync(join(folder, "template"), then, then);
}

test("a template is booted, warmed up and captured once, for all who ask at the same time", async () => {
  const engine = new FakeEngine();
  const { dir, runDir, store } = newDirectories();
  const templates = store(engine);
  assert.equal(templates.get(keyOf(512)), undefined);
  const [one, two] = await Promise.all([templates.ensure(keyOf(512)), templates.ensure(keyOf(512))]);
  assert.equal(one, two);
  assert.equal(templates.get(keyOf(512)), one);
  assert.equal(engine.vms.length, 1);
  const told = engine.vms[0]!.agent.told;
  assert.ok(told.includes("/stream/spawn"));
  assert.equal(told.at(-1), "/call/quiesce");
  for (const file of Object.values(one.files)) assert.ok(file.startsWith(dir) && existsSync(file), file);
  assert.deepEqual(readdirSync(runDir), []);
});

test("the next process finds it, and boots nothing", async () => {
  const { dir, store } = newDirectories();
  const built = await store(new FakeEngine()).ensure(keyOf(512));
  const engine = new FakeEngine();
  const templates = store(engine);
  await templates.load(keyOf);
  assert.deepEqual(templates.get(keyOf(512))?.files, built.files);
  assert.deepEqual((await store(engine).find(keyOf(512)))?.files, built.files);
  assert.deepEqual(engine.vms, []);
  assert.equal(readdirSync(dir).length, 1);
});

test("another size, root or engine has a template of its own", async () => {
  const { dir, store } = newDirectories();
  const engine = new FakeEngine();
  const templates = store(engine);
  await Promise.all([keyOf(512), keyOf(1024), keyOf(512, "alpine")].map((key) => templates.ensure(key)));
  await store(new FakeEngine("fake 2")).ensure(keyOf(512));
  assert.equal(engine.vms.length, 3);
  assert.equal(readdirSync(dir).length, 4);
  assert.equal(await templates.find(keyOf(2048)), undefined);
});

test("what is not whole is removed, and what nobody used for a day, unless it is of this host's kind", async () => {
  const { dir, store } = newDirectories();
  const templates = store(new FakeEngine());
  const usual = await templates.ensure(keyOf(512));
  const recent = await templates.ensure(keyOf(512, "recent"));
  const old = await templates.ensure(keyOf(512, "old"));
  const folder = ({ files }: typeof usual) => join(files.memory, "..");
  unusedFor(folder(usual), 30 * DAY_MS);
  unusedFor(folder(recent), DAY_MS - 60_000);
  unusedFor(folder(old), DAY_MS + 60_000);
  mkdirSync(join(dir, "512-torn"));
  writeFileSync(join(dir, "512-torn", "memory"), "half");
  await store(new FakeEngine()).load(keyOf);
  assert.deepEqual(
    readdirSync(dir).sort(),
    [folder(usual), folder(recent)].map((path) => path.split("/").at(-1)).sort(),
  );
});

test("a build that fails leaves nothing, and the next who asks builds again", async () => {
  const { dir, runDir, store } = newDirectories();
  const engine = new FakeEngine();
  engine.starting = () => Promise.reject(new Error("no machine"));
  const templates = store(engine);
  await assert.rejects(templates.ensure(keyOf(512)), /no machine/);
  assert.deepEqual([...readdirSync(dir), ...readdirSync(runDir)], []);
  engine.starting = async () => {};
  await templates.ensure(keyOf(512));
});

test("closing gives a build up, and its machine with it", async () => {
  const { dir, runDir, store } = newDirectories();
  const engine = new FakeEngine();
  const [asked, starting] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  engine.starting = () => (asked.resolve(), starting.promise);
  const templates = store(engine);
  const refused = assert.rejects(templates.ensure(keyOf(512)));
  await asked.promise;
  const closed = templates.close();
  starting.resolve();
  await Promise.all([refused, closed]);
  assert.deepEqual(engine.alive, []);
  assert.deepEqual([...readdirSync(dir), ...readdirSync(runDir)], []);
});
