import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { FakeEngine } from "../engine/testing/fake-engine.ts";
import { fakeRoot } from "../engine/testing/fake-root.ts";
import { discard } from "../machines/clone.ts";
import { MACHINE_MIB } from "./memory.ts";
import { HEAT_MIB } from "./targets.ts";
import { BUDGET_MIB, HOT_BUDGET_MIB, start, until } from "./testing/started-pool.ts";

const GONE = new Error("the client is gone");

test("clones wait paused, after a first life that is nobody's", async () => {
  const engine = new FakeEngine();
  await using started = start(engine);
  await started.pool.ready;
  await until(() => started.pool.counts.clones === 2);
  for (const { state, agent, options } of engine.vms) {
    assert.equal(state, "paused");
    assert.equal(agent.told[0], "/call/resume");
    assert.deepEqual(options.size, { memoryMiB: 1280, vcpus: 2 });
    assert.deepEqual(options.root, fakeRoot().disk);
  }
});

test("warming up takes only what machines in use leave of the processors, except for the first clones", async () => {
  const engine = new FakeEngine();
  const seen: string[] = [];
  engine.loading = async () => void seen.push(engine.vms.at(-1)!.priority);
  await using started = start(engine, HOT_BUDGET_MIB);
  await until(() => started.pool.counts.clones === 3 && started.pool.counts.hot === 1);
  assert.deepEqual(seen, ["normal", "normal", "background"]);
  assert.deepEqual(
    engine.vms.map(({ priority }) => priority),
    ["normal", "normal", "normal"],
  );
});

test("who takes one gets one that waits, running, and another takes its place", async () => {
  const engine = new FakeEngine();
  await using started = start(engine);
  await until(() => started.pool.counts.clones === 2);
  const clone = await started.pool.take();
  assert.equal(engine.vms.length, 2);
  assert.equal(engine.vms.find(({ options }) => options.dir === clone.dir)!.state, "running");
  await until(() => started.pool.counts.clones === 2);
  assert.equal(engine.vms.length, 3);
  await started.pool.close();
  assert.deepEqual(
    engine.alive.map(({ options }) => options.dir),
    [clone.dir],
  );
  clone.guest.close();
  await clone.vm.kill();
});

test("where none waits, one is started from the template", async () => {
  const engine = new FakeEngine();
  await using started = start(engine, 0);
  await started.pool.ready;
  const clone = await started.pool.take();
  assert.deepEqual(await clone.guest.call("sync", {}), null);
  assert.equal(engine.vms[0]!.state, "running");
  clone.guest.close();
  await clone.vm.kill();
});

test("one that died while it waited is given to nobody, and leaves no folder", async () => {
  const engine = new FakeEngine();
  await using started = start(engine);
  await until(() => started.pool.counts.clones === 2);
  // No other takes its place before its folder is gone.
  engine.starting = () => Promise.reject(new Error("no more"));
  await engine.vms[1]!.kill();
  await until(() => started.folders().length === 1);
  assert.equal(started.pool.counts.clones, 1);
  const clone = await started.pool.take();
  assert.equal(clone.dir, engine.vms[0]!.options.dir);
  clone.guest.close();
  await clone.vm.kill();
});

test("one that does not go on is passed over for the next", async () => {
  const engine = new FakeEngine();
  await using started = start(engine);
  await until(() => started.pool.counts.clones === 2);
  // Its end has not been noticed yet.
  engine.vms[1]!.state = "ended";
  const clone = await started.pool.take();
  assert.equal(clone.dir, engine.vms[0]!.options.dir);
  assert.ok(!started.folders().includes(engine.vms[1]!.options.dir.split("/").at(-1)!));
  clone.guest.close();
  await clone.vm.kill();
});

test("who takes one may begin with it before the machine has confirmed that it runs", async () => {
  const engine = new FakeEngine();
  await using started = start(engine);
  await until(() => started.pool.counts.clones === 2);
  const confirmed = Promise.withResolvers<void>();
  engine.resuming = () => confirmed.promise;
  const clone = await started.pool.take(async ({ guest }) => {
    await guest.call("sync", {});
    confirmed.resolve();
  });
  clone.guest.close();
  await clone.vm.kill();
});

test("what the taker cannot begin with is discarded, and only that", async () => {
  const engine = new FakeEngine();
  await using started = start(engine);
  await until(() => started.pool.counts.clones === 2);
  engine.starting = () => Promise.reject(new Error("no more"));
  const begun = started.pool.take(() => Promise.reject(new Error("the agent refused")));
  await assert.rejects(begun, { message: "the agent refused" });
  assert.equal(started.pool.counts.clones, 1);
  assert.equal(started.folders().length, 1);
  assert.equal(engine.alive.length, 1);
});

test("one that dies while the taker begins with it is passed over for the next, which is begun with in its turn", async () => {
  const engine = new FakeEngine();
  await using started = start(engine);
  await until(() => started.pool.counts.clones === 2);
  engine.vms[1]!.state = "ended";
  const begun: string[] = [];
  const clone = await started.pool.take(async ({ dir, guest }) => {
    begun.push(dir);
    if (begun.length > 1) return;
    // It never answers.
    await guest.ended;
    throw new Error("gone");
  });
  assert.deepEqual(
    begun,
    [1, 0].map((n) => engine.vms[n]!.options.dir),
  );
  assert.equal(clone.dir, begun[1]);
  clone.guest.close();
  await clone.vm.kill();
});

test("one that dies is begun with to the end before its folder is removed", async () => {
  const engine = new FakeEngine();
  await using started = start(engine);
  await until(() => started.pool.counts.clones === 2);
  const [next, dead] = engine.vms.map(({ options }) => options.dir);
  engine.vms[1]!.state = "ended";
  let written = false;
  const clone = await started.pool.take(async ({ dir, guest }) => {
    if (dir === next) return;
    await guest.ended;
    // More than enough time to remove it.
    await delay(100);
    writeFileSync(join(dir, "record"), "");
    written = true;
  });
  assert.equal(clone.dir, next);
  assert.ok(written);
  assert.ok(!existsSync(dead!));
  await discard(clone);
});

test("for who has given up, no machine is taken or started", async () => {
  const engine = new FakeEngine();
  await using started = start(engine);
  await until(() => started.pool.counts.clones === 2);
  await assert.rejects(started.pool.take(undefined, { signal: AbortSignal.abort(GONE) }), GONE);
  assert.equal(started.pool.counts.clones, 2);
});

test("who gives up leaves the queue, or ends the machine that is being made, and nothing is left of it", async () => {
  const engine = new FakeEngine();
  await using started = start(engine, 0);
  await started.pool.ready;
  const width = availableParallelism();
  engine.loading = () => new Promise(() => {});
  const hung = new AbortController();
  const making = Array.from({ length: width }, () =>
    assert.rejects(started.pool.take(undefined, { signal: hung.signal }), GONE),
  );
  await until(() => engine.vms.length === width);
  const queued = new AbortController();
  const waiting = assert.rejects(started.pool.take(undefined, { signal: queued.signal }), GONE);
  queued.abort(GONE);
  await waiting;
  assert.equal(engine.vms.length, width);
  hung.abort(GONE);
  await Promise.all(making);
  assert.deepEqual([engine.alive, started.folders()], [[], []]);
  // None of them is in the way of the next.
  engine.loading = async () => {};
  await discard(await started.pool.take());
});

test("whether there is room for a machine is asked when its turn to be made has come", async () => {
  const engine = new FakeEngine();
  await using started = start(engine, 0);
  await started.pool.ready;
  const width = availableParallelism();
  const loaded = Promise.withResolvers<void>();
  engine.loading = () => loaded.promise;
  let room = width;
  const makeRoom = async () => {
    if (room-- === 0) throw new Error("no room");
  };
  const takes = Array.from({ length: width + 1 }, () => started.pool.take(undefined, { makeRoom }));
  const outcomes = Promise.allSettled(takes);
  await until(() => engine.vms.length === width);
  assert.equal(room, 0);
  loaded.resolve();
  const [refused, ...more] = (await outcomes).filter(({ status }) => status === "rejected");
  assert.deepEqual([String((refused as PromiseRejectedResult).reason), more], ["Error: no room", []]);
  assert.equal(engine.vms.length, width);
  await Promise.all(takes.slice(0, width).map(async (taken) => discard(await taken)));
});

test("what cannot be started or loaded is an error for who asked, and leaves nothing", async () => {
  for (const stage of ["starting", "loading"] as const) {
    const engine = new FakeEngine();
    engine[stage] = () => Promise.reject(new Error(`${stage} failed`));
    await using started = start(engine);
    await started.pool.ready;
    await assert.rejects(started.pool.take(), { message: `${stage} failed` });
    assert.deepEqual(engine.alive, []);
    assert.deepEqual(started.folders(), []);
    assert.deepEqual(started.pool.counts, { clones: 0, hot: 0, processes: 0 });
  }
});

test("memory is given back machine by machine, until nothing waits", async () => {
  const engine = new FakeEngine();
  await using started = start(engine);
  await until(() => started.pool.counts.clones === 2);
  // Nothing is added in between.
  engine.starting = () => Promise.reject(new Error("no more"));
  assert.deepEqual(
    [await started.pool.shrink(), await started.pool.shrink(), await started.pool.shrink()],
    [true, true, false],
  );
  assert.deepEqual(engine.alive, []);
  assert.deepEqual(started.folders(), []);
});

test("while the processors are busy, only the first clones are made", async () => {
  const engine = new FakeEngine();
  const asked = Promise.withResolvers<void>();
  const busy = () => (engine.vms.length === 2 && asked.resolve(), true);
  await using started = start(engine, HOT_BUDGET_MIB, busy);
  await asked.promise;
  await until(() => started.pool.counts.clones === 2);
  assert.equal(engine.vms.length, 2);
});

test("who takes many in a row gets a larger pool", async () => {
  const engine = new FakeEngine();
  await using started = start(engine, 10_000);
  await until(() => started.pool.counts.clones > 0);
  const clones = await Promise.all(Array.from({ length: 40 }, () => started.pool.take()));
  await until(() => started.pool.counts.clones >= 40);
  await Promise.all(clones.map(discard));
});

test("where memory is short nothing is made, and nobody waits for it", async () => {
  const engine = new FakeEngine();
  await using started = start(engine, BUDGET_MIB, undefined, () => false);
  await started.pool.ready;
  assert.deepEqual(engine.vms, []);
});

test("memory for one more machine is left to who asks for one next", async () => {
  for (const [roomMiB, clones, hot] of [
    [MACHINE_MIB, 0, 0],
    [2 * MACHINE_MIB, 1, 0],
    [3 * MACHINE_MIB, 2, 0],
    [3 * MACHINE_MIB + HEAT_MIB, 2, 1],
  ] as const) {
    const engine = new FakeEngine();
    const short = Promise.withResolvers<void>();
    const fits = (neededMiB: number) => {
      const { clones, hot } = started.pool.counts;
      const enough = clones * MACHINE_MIB + hot * HEAT_MIB + neededMiB <= roomMiB;
      if (!enough) short.resolve();
      return enough;
    };
    await using started = start(engine, HOT_BUDGET_MIB, undefined, fits);
    await short.promise;
    assert.deepEqual(started.pool.counts, { clones, hot, processes: 0 });
  }
});

test("closing ends what waits, also what is just being made, however long that would have taken", async () => {
  const never = new Promise<void>(() => {});
  const hang: ((engine: FakeEngine, asked: () => void) => void)[] = [
    (engine, asked) => (engine.loading = () => (asked(), never)),
    (engine, asked) =>
      (engine.loading = async () => {
        engine.vms.at(-1)!.agent.outcomes.set("/stream/spawn", "pending");
        asked();
      }),
    (engine, asked) => (engine.resuming = () => (asked(), never)),
  ];
  for (const begin of hang) {
    const engine = new FakeEngine();
    const asked = Promise.withResolvers<void>();
    begin(engine, asked.resolve);
    await using started = start(engine);
    await asked.promise;
    await started.pool.close();
    await started.pool.ready;
    assert.deepEqual(engine.alive, []);
    assert.deepEqual(started.folders(), []);
  }
});
