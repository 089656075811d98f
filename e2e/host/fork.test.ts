/** Forks of real machines: what goes on in the children, what does not, and what is left when something fails. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ForkSpec, Machine } from "@sandkeep/host";
import { OWNER, run, shell } from "@sandkeep/host/testing";
import { until } from "../harness/poll.ts";
import { HostFixture, processesNaming } from "./fixture.ts";

/** A child's clock is set once, with its identity. */
const CLOCK_TOLERANCE_MS = 1_000;

/** Counts, and checks with each step that its memory is intact. */
const COUNTER = `
import hashlib, os, sys, time
blob = os.urandom(1 << 20) * int(sys.argv[1])
digest = hashlib.sha256(blob).hexdigest()
n = 0
while True:
    n += 1
    intact = n % 10 or hashlib.sha256(blob).hexdigest() == digest
    with open("/home/app/count.new", "w") as file:
        print(n, os.getpid(), bool(intact), digest, file=file)
    os.rename("/home/app/count.new", "/home/app/count")
    time.sleep(0.02)
`;

/** Long, because a computer that runs other tests is slow. */
const PATIENCE_MS = 180_000;

/** Starts the counter; resolves when it counts. */
async function startCounter(machine: Machine, mebibytes: number): Promise<void> {
  const program = Buffer.from(COUNTER).toString("base64");
  await shell(machine, `echo ${program} | base64 -d > /home/app/count.py; sync`);
  machine.guest
    .stream("spawn", { command: "python3", args: ["/home/app/count.py", String(mebibytes)] })
    .on("error", () => {})
    .resume()
    .end();
  await until("it counts", async () => (await count(machine)).n > 0, PATIENCE_MS);
}

async function count(machine: Machine): Promise<{ n: number; pid: string; intact: string; digest: string }> {
  const [n, pid, intact, digest] = (await shell(machine, "cat /home/app/count 2> /dev/null || echo 0")).split(" ");
  return { n: Number(n), pid: pid!, intact: intact!, digest: digest! };
}

async function goesOn(machine: Machine): Promise<{ pid: string; digest: string }> {
  const before = await count(machine);
  // Far enough for the memory to be checked again.
  await until("it counts on", async () => (await count(machine)).n > before.n + 12, PATIENCE_MS);
  const { pid, intact, digest } = await count(machine);
  assert.equal(intact, "True");
  return { pid, digest };
}

let next = 0;
const child = (spec: Partial<ForkSpec> = {}): ForkSpec => ({
  id: `sbx_fork_${next++}`,
  owner: OWNER,
  env: {},
  keep: false,
  ...spec,
});

describe("a fork", () => {
  let fixture: HostFixture;
  before(async () => void (fixture = await HostFixture.open()));
  after(() => fixture[Symbol.asyncDispose]());

  test("goes on with the processes, memory and disk of its parent, which does not notice", async () => {
    const parent = await fixture.create();
    await startCounter(parent, 4);
    await shell(parent, "echo before > /home/app/note; echo before > /dev/shm/note");
    const children = await fixture.host.fork(parent.id, [child(), child()]);
    const all = [parent, ...children];
    const states = await Promise.all(all.map(goesOn));
    assert.equal(new Set(states.map(({ pid, digest }) => `${pid} ${digest}`)).size, 1, JSON.stringify(states));
    for (const machine of children) {
      assert.equal(await shell(machine, "cat /home/app/note /dev/shm/note"), "before\nbefore");
      const listed = await machine.guest.call("processList", {});
      assert.ok(listed.some(({ command, exit }) => command === "python3" && exit === null));
    }

    // From here on they go their own ways, in memory and on disk.
    for (const [n, machine] of all.entries())
      await shell(machine, `echo ${n} | tee /home/app/note > /dev/shm/note; sync`);
    for (const [n, machine] of all.entries()) {
      await shell(machine, "echo 3 | sudo tee /proc/sys/vm/drop_caches");
      assert.equal(await shell(machine, "cat /home/app/note /dev/shm/note"), `${n}\n${n}`);
      assert.equal(await shell(machine, "sudo dmesg | grep -ci 'ext4-fs error\\|i/o error' || true"), "0");
    }
    await Promise.all(all.map((machine) => machine.destroy()));
  });

  test("is not its parent: names, randomness, clock, environment", async () => {
    const begun = Date.now();
    const parent = await fixture.create({ env: { WHO: "parent", SAME: "kept" } });
    const machines = [
      parent,
      ...(await fixture.host.fork(parent.id, [child({ env: { WHO: "one" } }), child({ env: { WHO: "two" } })])),
    ];
    const facts = await Promise.all(
      machines.map((machine) =>
        shell(
          machine,
          "hostname; cat /etc/machine-id; head -c 32 /dev/urandom | sha256sum; cat /proc/sys/kernel/random/uuid; echo $WHO; echo $SAME; date +%s%N",
        ),
      ),
    );
    const columns = facts.map((text) => text.split("\n"));
    for (const row of [0, 1, 2, 3, 4])
      assert.equal(new Set(columns.map((column) => column[row])).size, machines.length, `row ${row}`);
    for (const column of columns) {
      assert.equal(column[5], "kept");
      const clock = Number(column[6]) / 1e6;
      assert.ok(clock > begun - CLOCK_TOLERANCE_MS && clock < Date.now() + CLOCK_TOLERANCE_MS, `it is ${clock}`);
    }
    await Promise.all(machines.map((machine) => machine.destroy()));
  });

  test("can be forked again, and so can its parent, also when the other is gone", async () => {
    const parent = await fixture.create();
    await shell(parent, "echo 0 > /home/app/note");
    let last = parent;
    for (let generation = 1; generation <= 3; generation++) {
      const [forked] = await fixture.host.fork(last.id, [child()]);
      await shell(last, "echo nothing > /home/app/note; sync");
      if (last !== parent) await last.destroy();
      assert.equal(await shell(forked!, "cat /home/app/note"), String(generation - 1));
      await shell(forked!, `echo ${generation} > /home/app/note; sync`);
      last = forked!;
    }
    const [other] = await fixture.host.fork(parent.id, [child()]);
    assert.equal(await shell(other!, "cat /home/app/note"), "nothing");
    await Promise.all([parent.destroy(), last.destroy(), other!.destroy()]);
  });

  test("has none of its parent's connections to the host; the parent has all", async () => {
    const parent = await fixture.create();
    const following = parent.guest.stream("spawn", {
      command: "bash",
      args: ["-c", "while :; do echo tick; sleep 0.05; done"],
      stdout: "piped",
    });
    following.on("error", () => {});
    following.end();
    let received = 0;
    following.on("data", (bytes: Buffer) => (received += bytes.length));
    await until("it prints", () => received > 0, PATIENCE_MS);
    const [forked] = await fixture.host.fork(parent.id, [child()]);
    const atFork = received;
    await until("it prints on", () => received > atFork + 100, PATIENCE_MS);
    const list = await forked!.guest.call("processList", {});
    assert.ok(list.some(({ args }) => args.join(" ").includes("tick")));
    await Promise.all([parent.destroy(), forked!.destroy()]);
  });

  test("of a machine that does not run, or with an id that is taken, is refused, and nothing is made", async () => {
    const parent = await fixture.create();
    const { host } = fixture;
    const before = (await host.info()).machines;
    await assert.rejects(host.fork("sbx_unknown", [child()]), { name: "ForkError", code: "UNKNOWN_MACHINE" });
    await assert.rejects(host.fork(parent.id, []), { code: "INVALID_FORK" });
    await assert.rejects(host.fork(parent.id, [child({ id: parent.id })]), { code: "INVALID_FORK" });
    const twice = child();
    await assert.rejects(host.fork(parent.id, [twice, twice]), { code: "INVALID_FORK" });
    assert.equal((await host.info()).machines, before);
    await parent.destroy();
  });

  test("whose parent dies meanwhile leaves nothing", async () => {
    const before = (await fixture.host.info()).machines;
    const parent = await fixture.create();
    await startCounter(parent, 20);
    const specs = [child(), child()];
    const forking = fixture.host.fork(parent.id, specs).then(
      (machines) => machines,
      () => [],
    );
    await parent.destroy();
    const machines = await forking;
    await Promise.all(machines.map((machine) => machine.destroy()));
    await until("all are gone", async () => (await fixture.host.info()).machines === before, PATIENCE_MS);
    const records = await Promise.all(
      (await fixture.folders()).map((name) =>
        readFile(join(fixture.dataDir, "run", name, "machine.json"), "utf8").catch(() => ""),
      ),
    );
    for (const { id } of specs) assert.ok(!records.some((record) => record.includes(`"${id}"`)), id);
  });

  test("ten at once, all usable", async () => {
    const parent = await fixture.create();
    await startCounter(parent, 4);
    const machines = await fixture.host.fork(
      parent.id,
      Array.from({ length: 10 }, () => child()),
    );
    assert.equal(new Set(await Promise.all(machines.map((machine) => shell(machine, "hostname")))).size, 10);
    for (const machine of machines) assert.equal((await run(machine, "pgrep", "-f", "count.py")).code, 0);
    await Promise.all([parent, ...machines].map((machine) => machine.destroy()));
    assert.deepEqual(
      [...(await processesNaming(`${fixture.dataDir}/run/`)).values()].filter((words) => words[0]?.includes("agent")),
      [],
    );
    assert.deepEqual(await readdir(join(fixture.dataDir, "paused")), []);
  });
});
