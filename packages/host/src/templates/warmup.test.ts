import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { silentLogger } from "@sandkeep/common";
import { GuestGone } from "../contract.ts";
import { FakeEngine, type FakeVm } from "../engine/testing/fake-engine.ts";
import { fakeRoot } from "../engine/testing/fake-root.ts";
import { type Clone, connectGuest, discard } from "../machines/clone.ts";
import { createFolder } from "../machines/folder.ts";
import { heatClone, warmClone, warmTemplate } from "./warmup.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-warmup-"));
after(() => rmSync(dir, { recursive: true, force: true }));

/** Long, because a computer that runs other tests is slow. */
const HELLO_TIMEOUT_MS = 60_000;

async function start() {
  const engine = new FakeEngine();
  const { boot } = fakeRoot();
  const folder = createFolder(dir);
  const vm = (await engine.boot({ dir: folder, size: { memoryMiB: 1280, vcpus: 2 }, boot })) as FakeVm;
  const clone: Clone = { vm, dir: folder, guest: await connectGuest(vm, HELLO_TIMEOUT_MS), from: null };
  return { vm, clone, [Symbol.asyncDispose]: () => discard(clone) };
}

/** Each way of warming up a machine. */
const WAYS: [string, (clone: Clone) => Promise<void>][] = [
  ["template", ({ guest }) => warmTemplate(guest, silentLogger, "all")],
  ["template of few tools", ({ guest }) => warmTemplate(guest, silentLogger, "few")],
  ["warm clone", (clone) => warmClone(clone, [], silentLogger)],
  ["hot clone", (clone) => heatClone(clone, silentLogger)],
];

/** Resolves when a machine's agent was told to start a command. */
async function spawned({ agent }: FakeVm): Promise<void> {
  while (!agent.told.includes("/stream/spawn")) await delay(1);
}

/** From now on, the time for a command is up when the test says so. */
function timeUp(t: TestContext): () => void {
  const over = new AbortController();
  t.mock.method(AbortSignal, "timeout", () => over.signal);
  return () => over.abort(new DOMException("The time is up.", "TimeoutError"));
}

for (const [name, warm] of WAYS) {
  test(`nothing that was changed in a ${name} is left to be written to its disk later`, async () => {
    await using started = await start();
    const { vm, clone } = started;
    await warm(clone);
    const changes = (path: string) => path === "/stream/spawn" || path === "/call/resume";
    assert.ok(vm.agent.told.lastIndexOf("/call/sync") > vm.agent.told.findLastIndex(changes));
  });

  test(`a ${name} need not have every tool`, async () => {
    await using started = await start();
    const { vm, clone } = started;
    const constructorName = "NotFound";
    vm.agent.outcomes.set("/stream/spawn", { error: { constructorName, message: "Failed to spawn 'node'" } });
    await warm(clone);
  });

  test(`a command that goes on after its time makes no ${name}`, async (t) => {
    await using started = await start();
    const { vm, clone } = started;
    vm.agent.outcomes.set("/stream/spawn", "pending");
    const end = timeUp(t);
    const warmed = assert.rejects(warm(clone));
    await spawned(vm);
    end();
    await warmed;
  });

  test(`a machine that dies meanwhile makes no ${name}`, async () => {
    await using started = await start();
    const { vm, clone } = started;
    vm.agent.outcomes.set("/stream/spawn", "pending");
    const warmed = assert.rejects(warm(clone), GuestGone);
    await spawned(vm);
    await vm.kill();
    await warmed;
  });
}
