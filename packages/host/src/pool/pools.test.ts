import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { FakeEngine } from "../engine/testing/fake-engine.ts";
import { fakeRoot } from "../engine/testing/fake-root.ts";
import { createFolder } from "../machines/folder.ts";
import { folderName, publish } from "../templates/folder.ts";
import { TemplateStore } from "../templates/store.ts";
import type { TemplateKey } from "../templates/template.ts";
import { Pools } from "./pools.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-pools-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const key = (id: string, memoryMiB = 1_280): TemplateKey => ({
  root: fakeRoot(id),
  size: { memoryMiB, vcpus: 2 },
});

async function open(usual: TemplateKey) {
  const [runDir, templatesDir] = [mkdtempSync(join(dir, "run-")), mkdtempSync(join(dir, "templates-"))];
  const engine = new FakeEngine();
  const log = silentLogger;
  const templates = new TemplateStore({ dir: templatesDir, newFolder: () => createFolder(runDir), engine, log });
  const closing = new AbortController();
  const pools = new Pools({
    engine,
    templates,
    usual,
    runDir,
    budgetMiB: 0,
    caCertificates: [],
    log,
    closing: closing.signal,
  });
  /** Templates left by an earlier run. */
  const captured = async (...keys: TemplateKey[]) => {
    for (const each of keys)
      await publish(
        mkdtempSync(join(dir, "captured-")),
        join(templatesDir, folderName(each, engine.fingerprint)),
        each.root,
      );
  };
  return {
    engine,
    templates,
    captured,
    templatesDir,
    pools,
    closing,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await templates.close();
      await pools.close();
    },
  };
}

test("each root and size has a pool of its own, from its own template; without a template there is none yet", async () => {
  await using opened = await open(key("usual"));
  const { engine, captured, pools } = opened;
  assert.equal(await pools.of(key("unknown")), undefined);
  await captured(key("usual"), key("other"), key("usual", 2_048));
  const [usual, other, large] = [
    await pools.of(key("usual")),
    await pools.of(key("other")),
    await pools.of(key("usual", 2_048)),
  ];
  assert.equal(new Set([usual, other, large]).size, 3);
  assert.equal(await pools.of(key("other")), other);
  const clone = await other!.take();
  assert.deepEqual(engine.vms.at(-1)!.options.root, fakeRoot("other").disk);
  clone.guest.close();
  await clone.vm.kill();
});

test("only so many have a pool at the same time; the oldest goes, the usual one stays", async () => {
  await using opened = await open(key("usual"));
  const { captured, pools } = opened;
  const ids = ["usual", "a", "b", "c", "d"];
  await captured(...ids.map((id) => key(id)));
  const first = new Map<string, unknown>();
  for (const id of ids) first.set(id, await pools.of(key(id)));
  assert.equal(await pools.of(key("usual")), first.get("usual"));
  assert.equal(await pools.of(key("d")), first.get("d"));
  assert.notEqual(await pools.of(key("a")), first.get("a"));
});

test("closing waits until a pool that made room for another is empty", async () => {
  await using opened = await open(key("usual"));
  const { captured, engine, pools, closing } = opened;
  const ids = ["usual", "a", "b", "c", "d"];
  await captured(...ids.map((id) => key(id)));
  for (const id of ids.slice(0, -1)) await pools.of(key(id));
  const pool = (await pools.of(key("a")))!;
  const emptied = Promise.withResolvers<void>();
  const close = pool.close.bind(pool);
  pool.close = () => emptied.promise.then(close);
  assert.notEqual(await pools.of(key("d")), undefined);
  let closed = false;
  closing.abort();
  const all = pools.close().then(() => (closed = true));
  await new Promise(setImmediate);
  assert.equal(closed, false);
  emptied.resolve();
  await all;
  assert.deepEqual(engine.alive, []);
});

test("a pool is empty and gone before its template is removed", async () => {
  const snapshot = { ...key("usual"), root: fakeRoot("snapshot snap", "snapshot") };
  await using opened = await open(key("usual"));
  const { captured, engine, pools, templates } = opened;
  await captured(snapshot);
  const pool = (await pools.of(snapshot))!;
  const clone = await pool.take();
  await templates.forget("snapshot snap");
  assert.deepEqual(
    engine.alive.map(({ options }) => options.dir),
    [clone.dir],
  );
  assert.equal(await pools.of(snapshot), undefined);
  clone.guest.close();
  await clone.vm.kill();
});

test("a template that cannot be taken into use is as good as none", async () => {
  await using opened = await open(key("usual"));
  const { engine, templatesDir, pools } = opened;
  // A file in the place of its folder: as with a folder whose times may not be changed, noting its use fails.
  writeFileSync(join(templatesDir, folderName(key("usual"), engine.fingerprint)), "");
  assert.equal(await pools.of(key("usual")), undefined);
});

test("nothing is added once the host closes", async () => {
  await using opened = await open(key("usual"));
  const { captured, pools, closing } = opened;
  await captured(key("usual"));
  closing.abort();
  assert.equal(await pools.of(key("usual")), undefined);
});

test("a root whose files cannot be used has no pool; that of a pool is not looked at again", async () => {
  await using opened = await open(key("usual"));
  const { captured, pools } = opened;
  const looked: string[] = [];
  const wanted = key("snapshot");
  const checked = (outcome: () => void): TemplateKey => ({
    ...wanted,
    root: { ...wanted.root, check: async () => (looked.push("looked"), outcome()) },
  });
  const damaged = checked(() => {
    throw new Error("damaged");
  });
  await captured(wanted);
  await assert.rejects(pools.of(damaged), /damaged/);
  const pool = await pools.of(checked(() => {}));
  assert.ok(pool);
  assert.equal(await pools.of(damaged), pool);
  assert.equal(looked.length, 2);
});
