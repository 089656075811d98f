import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { FakeEngine, type FakeVm } from "../engine/testing/fake-engine.ts";
import { fakeRoot } from "../engine/testing/fake-root.ts";
import { createFolder } from "../machines/folder.ts";
import { buildRootless } from "./build.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-build-"));
after(() => rmSync(dir, { recursive: true, force: true }));

test("whatever stalls a machine before its template is captured, its time ends, and so does the machine", async (t) => {
  const engine = new FakeEngine();
  const { boot } = engine;
  engine.boot = async (options) => {
    const vm = (await boot.call(engine, options)) as FakeVm;
    vm.agent.outcomes.set("/call/quiesce", "pending");
    return vm;
  };
  const over = new AbortController();
  t.mock.method(AbortSignal, "timeout", () => over.signal);
  const { signal } = new AbortController();
  const options = { engine, dir: createFolder(dir), target: join(dir, "target"), log: silentLogger, signal };
  const key = { root: fakeRoot(), size: { memoryMiB: 1280, vcpus: 2 } };
  const built = assert.rejects(buildRootless(key, options), { name: "TimeoutError" });
  while (!engine.vms[0]?.agent.told.includes("/call/quiesce")) await new Promise((resolve) => setTimeout(resolve, 1));
  over.abort(new DOMException("The time is up.", "TimeoutError"));
  await built;
  assert.deepEqual(engine.alive, []);
});
