/** The hot machines of a warm pool. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeEngine, type FakeVm } from "../engine/testing/fake-engine.ts";
import { discard } from "../machines/clone.ts";
import { targets } from "./targets.ts";
import { HOT_BUDGET_MIB, start, until } from "./testing/started-pool.ts";

test("some clones become hot, and are taken first", async () => {
  const engine = new FakeEngine();
  await using started = start(engine, HOT_BUDGET_MIB);
  await until(() => started.pool.counts.clones === 3 && started.pool.counts.hot === 1);
  const commands = (vm: FakeVm) => vm.agent.told.filter((path) => path === "/stream/spawn").length;
  const hot = engine.vms.find((vm) => commands(vm) > Math.min(...engine.vms.map(commands)))!;
  assert.equal(hot.state, "paused");
  const clone = await started.pool.take();
  assert.equal(clone.dir, hot.options.dir);
  assert.equal(started.pool.counts.hot, 0);
  await discard(clone);
});

test("while a sandbox has a hot one, others get warm ones, as long as there are any", async () => {
  const engine = new FakeEngine();
  await using started = start(engine, HOT_BUDGET_MIB);
  const full = () => started.pool.counts.clones === 3 && started.pool.counts.hot === 1;
  await until(full);
  const first = await started.pool.take();
  await until(full);
  const others = [await started.pool.take(), await started.pool.take()];
  assert.deepEqual(started.pool.counts, { clones: 1, hot: 1, processes: 0 });
  await discard(first);
  await until(full);
  await discard(await started.pool.take());
  assert.equal(started.pool.counts.hot, 0);
  await Promise.all(others.map(discard));
});

test("one that cannot become hot is given to nobody, and leaves nothing", async () => {
  const engine = new FakeEngine();
  let busy = true;
  await using started = start(engine, HOT_BUDGET_MIB, () => busy);
  await until(() => started.pool.counts.clones === 2);
  // Their ends have not been noticed yet.
  for (const vm of engine.vms) vm.state = "ended";
  busy = false;
  started.pool.disturb();
  await until(() => started.folders().length === 1);
  assert.deepEqual(started.pool.counts, { clones: 1, hot: 0, processes: 0 });
});

test("who takes many at once gets no more hot ones for that, and who takes one after another does", async () => {
  const budgetMiB = 10_000;
  const { lent, hot } = targets(budgetMiB, { clones: 0, hot: 0 }, "usual");
  const many = 40;
  {
    await using started = start(new FakeEngine(), budgetMiB);
    const clones = await Promise.all(Array.from({ length: many }, () => started.pool.take()));
    await until(() => started.pool.counts.clones === many && started.pool.counts.hot === Math.max(hot, lent));
    await Promise.all(clones.map(discard));
  }
  await using started = start(new FakeEngine(), budgetMiB);
  for (let n = 0; n < many; n++) await discard(await started.pool.take());
  await until(() => started.pool.counts.clones === many && started.pool.counts.hot === many);
});
