import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { silentLogger } from "@sandkeep/common";
import { ROOT_SLOT } from "../engine/engine.ts";
import { FakeEngine } from "../engine/testing/fake-engine.ts";
import { fakeRoot } from "../engine/testing/fake-root.ts";
import { discard } from "../machines/clone.ts";
import { createFolder } from "../machines/folder.ts";
import { TemplateStore } from "../templates/store.ts";
import { makeUnpooled } from "./unpooled.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-unpooled-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const key = { root: fakeRoot(), size: { memoryMiB: 1_280, vcpus: 2 } };
const GONE = new Error("the client is gone");

function open() {
  const [runDir, templatesDir] = [mkdtempSync(join(dir, "run-")), mkdtempSync(join(dir, "templates-"))];
  const engine = new FakeEngine();
  const log = silentLogger;
  const templates = new TemplateStore({ dir: templatesDir, newFolder: () => createFolder(runDir), engine, log });
  return { engine, runDir, options: { engine, templates, runDir, caCertificates: [], log } };
}

test("a machine enters the root that it was made for, before anything else", async () => {
  const { engine, options } = open();
  const clone = await makeUnpooled(key, options, async ({ guest }) => void (await guest.call("sync", {})), {});
  const { options: started, slots, agent } = engine.alive[0]!;
  assert.equal(started.root, undefined);
  assert.deepEqual(slots.disks.get(ROOT_SLOT)!.layers.slice(0, -1), key.root.disk.layers);
  assert.deepEqual(agent.told, ["/call/enter", "/call/sync"]);
  // The next one needs no boot.
  await discard(await makeUnpooled(key, options, async () => {}, {}));
  assert.equal(engine.vms.length, 3);
  await discard(clone);
});

test("for who has given up, none is started", async () => {
  const { engine, runDir, options } = open();
  await assert.rejects(
    makeUnpooled(key, options, async () => {}, { signal: AbortSignal.abort(GONE) }),
    GONE,
  );
  assert.deepEqual([engine.vms, readdirSync(runDir)], [[], []]);
});

test("a machine that cannot enter its root, or that nobody waits for any more, is discarded", async () => {
  const { engine, runDir, options } = open();
  await discard(await makeUnpooled(key, options, async () => {}, {}));
  const leaving = new AbortController();
  const outcomes = [
    { error: { constructorName: "Error", message: "not a bootable root: /bin/sh: no such file" } },
    "pending" as const,
  ];
  for (const outcome of outcomes) {
    engine.loading = async () => {
      engine.alive[0]!.agent.outcomes.set("/call/enter", outcome);
      if (outcome === "pending") setImmediate(() => leaving.abort(GONE));
    };
    const expected = outcome === "pending" ? GONE : /not a bootable root/;
    await assert.rejects(
      makeUnpooled(key, options, async () => {}, { signal: leaving.signal }),
      expected,
    );
    assert.deepEqual([engine.alive, readdirSync(runDir)], [[], []]);
  }
});

test("a root that takes long to enter keeps nobody else waiting", async () => {
  const { engine, options } = open();
  await discard(await makeUnpooled(key, options, async () => {}, {}));
  const leaving = new AbortController();
  engine.loading = async () => {
    for (const { agent } of engine.alive) agent.outcomes.set("/call/enter", "pending");
  };
  const slow = Array.from({ length: availableParallelism() }, () =>
    makeUnpooled(key, options, async () => {}, { signal: leaving.signal }),
  );
  while (engine.alive.filter(({ agent }) => agent.told.includes("/call/enter")).length < slow.length) await delay(1);
  engine.loading = async () => {};
  await discard(await makeUnpooled(key, options, async () => {}, {}));
  leaving.abort(GONE);
  for (const outcome of await Promise.allSettled(slow))
    assert.equal(outcome.status === "rejected" && outcome.reason, GONE);
  assert.deepEqual(engine.alive, []);
});
