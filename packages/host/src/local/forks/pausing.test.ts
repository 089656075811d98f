/** Pauses and resumptions, and what is left of them when the server is killed between any two steps. */
import assert from "node:assert/strict";
import fs, { existsSync, readdirSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import type { FakeEngine, FakeVm } from "../../engine/testing/fake-engine.ts";
import { readRecord } from "../../machines/folder.ts";
import { reserveSpace } from "../../pool/disk.ts";
import { ID, OWNER, openComputer, spec } from "../testing/fake-computer.ts";

const GIB = 1024 ** 3;
const forever = () => new Promise<never>(() => {});
const about = ({ agent }: FakeVm) => agent.told.filter((call) => /Processes|wake/.test(call));

test("a machine that is paused has ended, and goes on when it is resumed; its processes last", async () => {
  await using computer = await openComputer();
  const { engine, start, run, runDir, pausedDir } = computer;
  const host = await start();
  const machine = await run(host);
  await host.pausing.pause(machine);
  assert.deepEqual(await machine.exited, { reason: "paused" });
  assert.deepEqual(about(engine.vms[0]!), ["/call/freezeProcesses"]);
  assert.deepEqual([engine.alive.length, readdirSync(runDir).length], [0, 0]);
  assert.deepEqual(await host.paused.list(OWNER), [ID]);

  const resumed = await host.pausing.resume(spec);
  const vm = engine.alive[0]!;
  // As whoever pauses it next.
  await resumed.exclusively(async () => {});
  assert.deepEqual(about(vm), ["/call/wake", "/call/thawProcesses"]);
  const record = (await readRecord(resumed.clone.dir))!;
  assert.deepEqual(
    record.root?.layers.slice(-2),
    ["disk.qcow2", "disk-3.qcow2"].map((name) => join(vm.dir, name)),
  );
  for (const path of [record.from!.template.memory, ...record.from!.root.layers])
    assert.ok(path.startsWith(vm.dir) && existsSync(path), path);
  assert.deepEqual(readdirSync(pausedDir), []);
  await assert.rejects(host.pausing.resume(spec), { code: "NOT_PAUSED" });
});

test("processes that stopped long before the machine is paused are told so again", async (context) => {
  await using computer = await openComputer();
  const host = await computer.start();
  const machine = await computer.run(host);
  let now = 0;
  // Everything takes a minute.
  context.mock.method(performance, "now", () => (now += 60_000));
  await host.pausing.pause(machine);
  assert.deepEqual(about(computer.engine.vms[0]!), ["/call/freezeProcesses", "/call/freezeProcesses"]);
});

test("a resumed machine's processes are told again if they may not have heard it", async () => {
  await using computer = await openComputer();
  const { engine, start, run } = computer;
  const host = await start();
  await host.pausing.pause(await run(host));
  engine.loading = async () => {
    const { outcomes } = engine.alive.at(-1)!.agent;
    outcomes.set("/call/thawProcesses", { error: { constructorName: "Error", message: "no" } });
  };
  const resumed = await host.pausing.resume(spec);
  const vm = engine.alive[0]!;
  const thaws = () => about(vm).filter((call) => call === "/call/thawProcesses").length;
  while (thaws() < 2) await new Promise(setImmediate);
  vm.agent.outcomes.clear();
  await resumed.exclusively(async () => {});
  assert.equal(about(vm).at(-1), "/call/thawProcesses");
});

test("whatever fails before a machine is paused, it goes on, and its processes too", async () => {
  await using computer = await openComputer();
  const { engine, start, run, pausedDir } = computer;
  const host = await start();
  const machine = await run(host);
  const vm = engine.vms[0]!;
  const stillRuns = async (why: RegExp, code?: string) => {
    await assert.rejects(host.pausing.pause(machine), (error: Error & { code?: string }) => {
      assert.match(error.message, why);
      assert.equal(error.code, code);
      return true;
    });
    assert.equal(vm.state, "running");
    assert.equal(about(vm).at(-1), "/call/thawProcesses");
    assert.deepEqual(
      [readdirSync(pausedDir), await readRecord(machine.clone.dir).then((record) => record?.id)],
      [[], ID],
    );
  };
  engine.suspending = () => Promise.reject(new Error("the disk is full"));
  await stillRuns(/the disk is full/);
  // As the operating system says it, and as QEMU does.
  for (const full of [
    Object.assign(new Error("write failed"), { code: "ENOSPC" }),
    new Error("QEMU: No space left on device"),
  ]) {
    engine.suspending = () => Promise.reject(full);
    await stillRuns(/The host's disk is full.*sbx_1/, "NO_SPACE");
  }
  engine.suspending = async () => {};
  vm.agent.outcomes.set("/call/freezeProcesses", { error: { constructorName: "Error", message: "one does not stop" } });
  await stillRuns(/sbx_1 could not be paused: one does not stop/, "NOT_FORKABLE");
  vm.agent.outcomes.delete("/call/freezeProcesses");
  host.paused.commit = () => Promise.reject(new Error("no such folder"));
  await stillRuns(/no such folder/);
});

test("what a pause has written is not counted twice while the machine's process ends", async (context) => {
  await using computer = await openComputer();
  const { engine, start, run, pausedDir } = computer;
  const host = await start();
  const machine = await run(host);
  const usage = await machine.usage();
  context.mock.method(machine, "usage", async () => ({ ...usage, memoryBytes: GIB }));
  const statfs = () => ({ bavail: 4, bsize: GIB });
  context.mock.method(fs, "statfsSync", statfs as unknown as typeof fs.statfsSync);
  syncBuiltinESMExports();
  const fits = () => {
    try {
      using _ = reserveSpace(pausedDir, 1.5 * GIB, { into: [] });
      return true;
    } catch {
      return false;
    }
  };
  const fitted: [string, boolean][] = [];
  engine.suspending = async (step) => void fitted.push([step, fits()]);
  try {
    await host.pausing.pause(machine);
  } finally {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  }
  assert.deepEqual(fitted, [
    ["saved", false],
    ["committed", true],
  ]);
});

test("whatever fails before a machine is resumed, it is still paused, and can be resumed later", async () => {
  await using computer = await openComputer();
  const { engine, start, run, runDir } = computer;
  const host = await start();
  await host.pausing.pause(await run(host));
  const stillPaused = async (why: RegExp) => {
    await assert.rejects(host.pausing.resume(spec), why);
    assert.deepEqual([engine.alive.length, readdirSync(runDir).length], [0, 0]);
    assert.deepEqual(await host.paused.list(OWNER), [ID]);
  };
  engine.reviving = () => Promise.reject(new Error("the state does not load"));
  await stillPaused(/does not load/);
  engine.reviving = async () => {
    const error = { constructorName: "Error", message: "no clock" };
    engine.alive[0]!.agent.outcomes.set("/call/wake", { error });
  };
  await stillPaused(/no clock/);
  engine.reviving = async () => {};
  const consume = host.paused.consume.bind(host.paused);
  host.paused.consume = () => Promise.reject(new Error("the disk fails"));
  await stillPaused(/the disk fails/);
  host.paused.consume = consume;
  assert.equal((await host.pausing.resume(spec)).id, ID);
});

test("a machine that is destroyed while it is paused is gone for good", async () => {
  for (const step of ["saved", "committed"]) {
    await using computer = await openComputer();
    const { engine, start, run, runDir, pausedDir } = computer;
    const host = await start();
    const machine = await run(host);
    let destroyed: Promise<void> | undefined;
    engine.suspending = async (now) => {
      if (now === step) destroyed = machine.destroy();
    };
    await assert.rejects(host.pausing.pause(machine), { code: "UNKNOWN_MACHINE" });
    await destroyed;
    assert.deepEqual(await machine.exited, { reason: "destroyed" });
    assert.deepEqual([readdirSync(runDir), readdirSync(pausedDir)], [[], []], step);
  }
});

test("of several pauses one succeeds, and the others say that the machine does not run", async () => {
  await using computer = await openComputer();
  const host = await computer.start();
  const machine = await computer.run(host);
  const attempts = await Promise.allSettled([1, 2, 3].map(() => host.pausing.pause(machine)));
  assert.deepEqual(
    attempts.map((attempt) => (attempt.status === "rejected" ? attempt.reason.code : "paused")),
    ["paused", "UNKNOWN_MACHINE", "UNKNOWN_MACHINE"],
  );
});

type Host = Awaited<ReturnType<Awaited<ReturnType<typeof openComputer>>["start"]>>;
interface Step {
  /** When the server is killed. */
  name: string;
  /** What it does not survive: it never ends. */
  stop(engine: FakeEngine, host: Host, reached: () => Promise<never>): unknown;
  /** What the machine is afterwards. */
  outcome: "runs" | "paused";
}

describe("a server that is killed while it pauses a machine leaves it running or paused, not both, not neither", () => {
  const steps: Step[] = [
    {
      name: "while it stops processes",
      stop: (engine, _, reached) => unanswered(engine.vms[0]!, "/call/freezeProcesses").then(reached),
      outcome: "runs",
    },
    { name: "when all is written", stop: stopAt("saved"), outcome: "runs" },
    {
      name: "before the folder moves",
      stop: (_, host, reached) => void (host.paused.commit = reached),
      outcome: "runs",
    },
    { name: "before the process ends", stop: stopAt("committed"), outcome: "paused" },
  ];
  for (const step of steps)
    test(step.name, async () => {
      await using computer = await openComputer();
      const first = await computer.start();
      const machine = await computer.run(first);
      await killedAt(step, computer.engine, first, () => first.pausing.pause(machine));
      await check(computer, step);
    });
});

describe("a server that is killed while it resumes a machine leaves it running or paused, not both, not neither", () => {
  const steps: Step[] = [
    {
      name: "before the state is loaded",
      stop: (engine, _, reached) => void (engine.reviving = reached),
      outcome: "paused",
    },
    {
      name: "before the record is written",
      stop: (engine, _, reached) => {
        engine.reviving = async () => void unanswered(engine.alive[0]!, "/call/wake").then(reached);
      },
      outcome: "paused",
    },
    {
      name: "when the record is written",
      stop: (_, host, reached) => void (host.paused.consume = reached),
      outcome: "paused",
    },
    {
      name: "before the processes go on",
      stop: (engine, host, reached) => {
        const consume = host.paused.consume.bind(host.paused);
        host.paused.consume = async (id) => {
          await consume(id);
          void unanswered(engine.alive[0]!, "/call/thawProcesses").then(reached);
        };
      },
      outcome: "runs",
    },
    {
      name: "before what it was paused to is removed",
      stop: (_, host, reached) => void (host.paused.forget = reached),
      outcome: "runs",
    },
  ];
  for (const step of steps)
    test(step.name, async () => {
      await using computer = await openComputer();
      const first = await computer.start();
      await first.pausing.pause(await computer.run(first));
      await killedAt(step, computer.engine, first, () => first.pausing.resume(spec));
      await check(computer, step);
    });
});

function stopAt(step: "saved" | "committed"): Step["stop"] {
  return (engine, _, reached) => {
    engine.suspending = async (now) => {
      if (now === step) await reached();
    };
  };
}

/** Lets the host do something up to a step. Nothing of it goes on afterwards. */
async function killedAt(step: Step, engine: FakeEngine, host: Host, act: () => Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  step.stop(engine, host, () => {
    resolve();
    return forever();
  });
  act().catch(() => {});
  await promise;
  engine.suspending = engine.reviving = async () => {};
  for (const { agent } of engine.vms) agent.outcomes.clear();
}

/** Resolves when the agent was asked this, which it will never answer. */
async function unanswered({ agent }: FakeVm, call: string): Promise<void> {
  agent.outcomes.set(call, "pending");
  while (!agent.told.includes(call)) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** What the next server finds. */
async function check({ engine, start, runDir, pausedDir }: Computer, { outcome }: Step): Promise<void> {
  const next = await start();
  const adopted = (await next.adopt()).map(({ id }) => id);
  assert.deepEqual([adopted, await next.paused.list(OWNER)], outcome === "runs" ? [[ID], []] : [[], [ID]]);
  assert.equal(readdirSync(pausedDir).length, outcome === "runs" ? 0 : 1);
  if (outcome === "paused") {
    assert.deepEqual([engine.alive.length, readdirSync(runDir).length], [0, 0], "nothing runs");
    await (await next.pausing.resume(spec)).exclusively(async () => {});
  }
  const [vm, ...others] = engine.alive;
  assert.deepEqual([vm!.state, others.length, dirname(vm!.dir)], ["running", 0, runDir]);
  assert.deepEqual(about(vm!).slice(-2), ["/call/wake", "/call/thawProcesses"]);
}

type Computer = Awaited<ReturnType<typeof openComputer>>;
