import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { FakeEngine } from "../engine/testing/fake-engine.ts";
import { fakeRoot } from "../engine/testing/fake-root.ts";
import { createFolder } from "../machines/folder.ts";
import { beforeRoot } from "../roots.ts";
import { factsOf } from "./folder.ts";
import { TemplateStore } from "./store.ts";
import type { Template, TemplateKey } from "./template.ts";

const base = mkdtempSync(join(tmpdir(), "sk-template-"));
after(() => rmSync(base, { recursive: true, force: true }));

const DAY_MS = 24 * 60 * 60_000;

const keyOf = (memoryMiB: number, rootId = "debian"): TemplateKey => ({
  root: fakeRoot(rootId),
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

test("a template is made once, for all who ask at the same time: from a machine that waits for its root", async () => {
  const engine = new FakeEngine();
  const { dir, runDir, store } = newDirectories();
  const templates = store(engine);
  assert.equal(templates.get(keyOf(512)), undefined);
  const [one, two] = await Promise.all([templates.ensure(keyOf(512)), templates.ensure(keyOf(512))]);
  assert.equal(one, two);
  assert.equal(templates.get(keyOf(512)), one);
  const [waiting, rooted] = engine.vms.map(({ agent }) => agent.told);
  assert.equal(engine.vms.length, 2);
  assert.deepEqual(waiting, ["/call/quiesce"]);
  assert.equal(rooted![0], "/call/enter");
  assert.ok(rooted!.includes("/stream/spawn"));
  assert.equal(rooted!.at(-1), "/call/quiesce");
  const { memory, state, disk } = one.files;
  for (const file of [memory, state, ...Object.values(disk!)])
    assert.ok(file.startsWith(dir) && existsSync(file), file);
  assert.deepEqual(readdirSync(runDir), []);
});

test("the next process finds it, and boots nothing", async () => {
  const { dir, store } = newDirectories();
  const built = await store(new FakeEngine()).ensure(keyOf(512));
  const engine = new FakeEngine();
  const templates = store(engine);
  await templates.load((memoryMiB) => [keyOf(memoryMiB)]);
  assert.deepEqual(templates.get(keyOf(512))?.files, built.files);
  assert.deepEqual((await store(engine).find(keyOf(512)))?.files, built.files);
  assert.deepEqual(engine.vms, []);
  assert.equal(readdirSync(dir).length, 2);
});

test("another size, root or engine has a template of its own", async () => {
  const { dir, store } = newDirectories();
  const engine = new FakeEngine();
  const templates = store(engine);
  await Promise.all([keyOf(512), keyOf(1024), keyOf(512, "alpine")].map((key) => templates.ensure(key)));
  await store(new FakeEngine("fake 2")).ensure(keyOf(512));
  // Two roots of the same size begin with the same machine.
  assert.equal(engine.vms.length, 3 + 2);
  assert.equal(readdirSync(dir).length, 5 + 2);
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
  const waiting = await templates.ensure({ ...keyOf(512), root: beforeRoot(keyOf(512).root) });
  await store(new FakeEngine()).load((memoryMiB) => [keyOf(memoryMiB)]);
  assert.deepEqual(
    readdirSync(dir).sort(),
    [folder(usual), folder(recent), folder(waiting)].map((path) => path.split("/").at(-1)).sort(),
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

const snapshotKey = (id: string): TemplateKey => ({ ...keyOf(512), root: fakeRoot(`snapshot ${id}`, "snapshot") });

/** A store whose templates may take as much as two of them; those of the usual machines do not count. */
async function roomForTwo({ shared = false } = {}) {
  const [dir, runDir] = [mkdtempSync(join(base, "templates-")), mkdtempSync(join(base, "run-"))];
  const engine = new FakeEngine();
  // Each file of a fake template has one block of the disk.
  const mostBytes = 2 * 5 * (await stat(mkfile(dir))).blocks * 512;
  const snapshotsDir = shared ? mkdtempSync(join(base, "snapshots-")) : dir;
  const newFolder = () => createFolder(runDir);
  const templates = new TemplateStore({ dir, snapshotsDir, newFolder, engine, log: silentLogger, mostBytes });
  const keys = [keyOf(512), { ...keyOf(512), root: beforeRoot(keyOf(512).root) }];
  await templates.load(() => [], keys);
  const usual = await templates.ensure(keyOf(512));
  unusedFor(folderOf(usual), DAY_MS / 2);
  const gone: string[] = [];
  templates.onRemoval = async ({ root }) => void gone.push(root.id);
  return { templates, engine, gone, usual };
}

const folderOf = ({ files }: Template) => join(files.memory, "..");

test("templates of others than the usual machines take only so much of the disk: those that were not used for long go first", async () => {
  const { templates, gone, usual } = await roomForTwo();
  const [a, b] = [await templates.ensure(snapshotKey("a")), await templates.ensure(snapshotKey("b"))];
  unusedFor(folderOf(a), 60_000);
  unusedFor(folderOf(b), 120_000);
  await templates.ensure(snapshotKey("c"));
  assert.deepEqual(gone, ["snapshot b"]);
  assert.deepEqual(
    [a, b, usual].map((template) => existsSync(folderOf(template))),
    [true, false, true],
  );
  assert.equal(await templates.find(snapshotKey("b")), undefined);
});

test("a template that a machine was made from, or is being made from, is not removed to make room", async () => {
  const { templates, gone } = await roomForTwo();
  const [a, b] = [await templates.ensure(snapshotKey("a")), await templates.ensure(snapshotKey("b"))];
  unusedFor(folderOf(a), 120_000);
  unusedFor(folderOf(b), 60_000);
  templates.isUsed = ({ memory }) => memory === a.files.memory;
  const held = templates.hold(snapshotKey("b"));
  await templates.ensure(snapshotKey("c"));
  assert.deepEqual(gone, []);
  held[Symbol.dispose]();
  await templates.ensure(snapshotKey("d"));
  assert.deepEqual(gone, ["snapshot b", "snapshot c"]);
});

test("a snapshot's template that takes more than half of the room is not kept, and costs others nothing", async () => {
  const { templates, engine, gone } = await roomForTwo();
  await templates.ensure(snapshotKey("a"));
  engine.captured = (dir) => writeFileSync(join(dir, "warmed-up"), randomBytes(1024 ** 2));
  await assert.rejects(templates.ensure(snapshotKey("large")), /takes \d+ bytes on disk/);
  assert.equal(await templates.find(snapshotKey("large")), undefined);
  assert.deepEqual(gone, []);
  assert.ok(await templates.find(snapshotKey("a")));
});

test("one that hosts share stays while another may be using it, and is made again where it was removed", async () => {
  const { templates, gone } = await roomForTwo({ shared: true });
  const other = await templates.ensure(keyOf(512, "other"));
  unusedFor(folderOf(other), 10 * 60_000);
  for (const id of ["a", "b"]) await templates.ensure(snapshotKey(id));
  assert.deepEqual(gone, ["snapshot a"]);
  unusedFor(folderOf(other), 2 * 60 * 60_000);
  await templates.ensure(snapshotKey("c"));
  assert.deepEqual(gone, ["snapshot a", "other"]);
  // As another host does it.
  const again = await templates.ensure(keyOf(512, "other"));
  rmSync(folderOf(again), { recursive: true });
  assert.equal(await templates.find(keyOf(512, "other")), undefined);
  assert.deepEqual(gone.at(-1), "other");
  assert.ok(existsSync((await templates.ensure(keyOf(512, "other"))).files.memory));
});

test("roots are warmed up one at a time", async () => {
  const { templates, engine } = await roomForTwo();
  const alive: number[] = [];
  engine.starting = async () => void alive.push(engine.alive.length);
  await Promise.all(["a", "b", "c"].map((id) => templates.ensure(snapshotKey(id))));
  assert.deepEqual(alive, [0, 0, 0]);
});

test("templates of snapshots that went while the host did not run are removed", async () => {
  const { dir, store } = newDirectories();
  const before = store(new FakeEngine());
  await before.ensure(snapshotKey("kept"));
  await before.ensure(snapshotKey("gone"));
  await store(new FakeEngine()).retainSnapshots((rootId) => rootId === "snapshot kept");
  const left = await Promise.all(readdirSync(dir).map(async (name) => (await factsOf(join(dir, name)))?.root));
  assert.deepEqual(left.sort(), ["none initramfs", "snapshot kept"]);
});

test("templates of a removed snapshot are removed, and one that is being built is given up", async () => {
  const { dir, runDir, store } = newDirectories();
  const engine = new FakeEngine();
  const templates = store(engine);
  await templates.ensure({ ...snapshotKey("a"), size: { memoryMiB: 1024, vcpus: 2 } });
  await templates.ensure(snapshotKey("other"));
  const [asked, starting] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  engine.starting = () => (asked.resolve(), starting.promise);
  const refused = assert.rejects(templates.ensure(snapshotKey("a")), /was removed/);
  await asked.promise;
  const forgotten = templates.forget("snapshot a");
  starting.resolve();
  await Promise.all([refused, forgotten]);
  const left = await Promise.all(readdirSync(dir).map(async (name) => (await factsOf(join(dir, name)))?.root));
  assert.deepEqual(left.sort(), ["none initramfs", "none initramfs", "snapshot other"]);
  assert.deepEqual([engine.alive, readdirSync(runDir)], [[], []]);
});

function mkfile(dir: string): string {
  const path = join(mkdtempSync(join(dir, "..", "block-")), "file");
  writeFileSync(path, "captured");
  return path;
}
