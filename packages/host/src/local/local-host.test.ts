import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLogger, tryLockFile } from "@sandkeep/common";
import { FakeEngine } from "../engine/testing/fake-engine.ts";
import { createFolder } from "../machines/folder.ts";
import { Roots } from "../roots.ts";
import { openStorage } from "../storage/testing/opened-storage.ts";
import { TemplateStore } from "../templates/store.ts";
import { LocalHost } from "./local-host.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-local-host-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const image = { kernel: "vmlinuz", initramfs: "initramfs", rootDisk: "root.qcow2" };

test("closing waits for a machine whose root is still being looked for, and leaves nothing of it", async () => {
  const [runDir, templatesDir] = [mkdtempSync(join(dir, "run-")), mkdtempSync(join(dir, "templates-"))];
  const engine = new FakeEngine();
  const log = silentLogger;
  const found = Promise.withResolvers<{ id: string } & typeof image>();
  const asked = Promise.withResolvers<void>();
  const host = new LocalHost({
    id: "host_1",
    options: { dataDir: dir, image: { id: "usual", ...image, agent: "" }, log, aheadMemoryMiB: 0 },
    runDir,
    engine,
    roots: new Roots({ id: "usual", ...image }, () => (asked.resolve(), found.promise)),
    templates: new TemplateStore({ dir: templatesDir, newFolder: () => createFolder(runDir), engine, log }),
    storage: await openStorage(mkdtempSync(join(dir, "storage-"))),
    lock: (await tryLockFile(join(dir, "lock")))!,
    caCertificates: [],
  });
  const spec = { id: "sbx_1", owner: "cp_1", root: { image: "other" }, memoryMiB: 1_280, env: {}, keep: false };
  const created = host.create(spec).catch((error: unknown) => error);
  await asked.promise;
  const closed = host.close();
  found.resolve({ id: "other", ...image });
  await closed;
  await created;
  assert.deepEqual([engine.alive.length, readdirSync(runDir)], [0, []]);
  using lock = await tryLockFile(join(dir, "lock"));
  assert.ok(lock);
});
