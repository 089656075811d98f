import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { FakeEngine } from "../engine/testing/fake-engine.ts";
import { discard } from "./clone.ts";
import { coldBoot } from "./cold-boot.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-cold-boot-"));
after(() => rmSync(dir, { recursive: true, force: true }));

const root = { id: "debian", boot: { kernel: "vmlinuz", initramfs: "initramfs", rootDisk: "root.qcow2" } };
const key = { root, size: { memoryMiB: 1_280, vcpus: 2 } };
const GONE = new Error("the client is gone");

test("a machine boots from the root's own disk, and its agent answers", async () => {
  const engine = new FakeEngine();
  const clone = await coldBoot(engine, dir, key, new AbortController().signal);
  assert.equal(engine.vms[0]!.options.boot.rootDisk, "root.qcow2");
  assert.equal(await clone.guest.call("sync", {}), null);
  await discard(clone);
});

test("for who has given up, none is started", async () => {
  const engine = new FakeEngine();
  await assert.rejects(coldBoot(engine, dir, key, AbortSignal.abort(GONE)), GONE);
  assert.deepEqual([engine.vms, readdirSync(dir)], [[], []]);
});

test("one that boots is ended when the request is given up", async () => {
  const engine = new FakeEngine();
  const leaving = new AbortController();
  engine.starting = async () => leaving.abort(GONE);
  await assert.rejects(coldBoot(engine, dir, key, leaving.signal), GONE);
  assert.equal(engine.vms.length, 1);
  assert.deepEqual([engine.alive, readdirSync(dir)], [[], []]);
});
