import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { FakeEngine } from "../engine/testing/fake-engine.ts";
import { fakeRoot } from "../engine/testing/fake-root.ts";
import { GuestClient } from "../guest/client.ts";
import { discard } from "../machines/clone.ts";
import { OwnWarmUpFailed } from "../templates/warmup.ts";
import { Supply } from "./supply.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-supply-"));
after(() => rmSync(dir, { recursive: true, force: true }));

function start(engine: FakeEngine): Supply {
  const root = fakeRoot();
  const files = engine.templateFiles("/templates/one", true);
  const template = { root, size: { memoryMiB: 1280, vcpus: 2 }, files };
  return new Supply({ engine, template, runDir: dir, caCertificates: [], log: silentLogger });
}

test("a root's own warm-up that ends its machine is given up; the next clone is heated without it", async (t) => {
  const engine = new FakeEngine();
  const supply = start(engine);
  const { stream } = GuestClient.prototype;
  let ran = 0;
  t.mock.method(GuestClient.prototype, "stream", function (this: GuestClient, ...args: Parameters<typeof stream>) {
    if ((args[1] as { command?: string }).command === "/etc/sandkeep/warm-up") {
      ran++;
      for (const vm of engine.alive) void vm.kill();
    }
    return stream.apply(this, args);
  });
  await assert.rejects(supply.heat(await supply.warm("normal")), OwnWarmUpFailed);
  assert.equal(ran, 1);
  assert.deepEqual(engine.alive, []);
  const clone = await supply.heat(await supply.warm("normal"));
  assert.equal(ran, 1);
  await discard(clone);
});

test("whatever stalls a clone that is being warmed up or heated, its time ends, and so does the machine", async (t) => {
  const engine = new FakeEngine();
  const supply = start(engine);
  const clone = await supply.warm("normal");
  const over = new AbortController();
  t.mock.method(AbortSignal, "timeout", () => over.signal);
  const { agent } = engine.vms[0]!;
  agent.outcomes.set("/call/sync", "pending");
  const before = agent.told.length;
  const heated = assert.rejects(supply.heat(clone), { name: "TimeoutError" });
  while (!agent.told.includes("/call/sync", before)) await new Promise((resolve) => setTimeout(resolve, 1));
  over.abort(new DOMException("The time is up.", "TimeoutError"));
  await heated;
  assert.deepEqual(engine.alive, []);
});
