import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { runClient } from "../harness/client-program.ts";
import type { Sdk } from "../harness/sdk.ts";

const ID = /^sbx_ord_[0-9a-hjkmnp-z]{20}$/;

/** Creating, connecting, closing, killing, extending and listing sandboxes. */
export default function lifecycle(sdk: Sdk): void {
  const { Client, ConnectionClosedError, ConnectionEstablishmentError, Sandbox } = sdk.module;

  async function isGone(id: string): Promise<boolean> {
    const sandbox = await Sandbox.connect(id).catch((error) => error);
    if (sandbox instanceof Sandbox) {
      await sandbox.close();
      return false;
    }
    assert.ok(sandbox instanceof ConnectionEstablishmentError, String(sandbox));
    assert.deepEqual([sandbox.status, sandbox.code], [404, "SANDBOX_NOT_FOUND"]);
    return true;
  }

  /** Until the server has noticed that a connection is closed, the sandbox may still exist. */
  async function untilGone(id: string): Promise<void> {
    for (let delay = 10; !(await isGone(id)); delay *= 1.5) await new Promise((resolve) => setTimeout(resolve, delay));
  }

  test("a sandbox has an id, and shows it", async () => {
    await using sandbox = await Sandbox.create();
    assert.match(sandbox.id, ID);
    assert.equal(inspect(sandbox), `Sandbox { id: '${sandbox.id}' }`);
    assert.equal(inspect({ a: { b: { sandbox } } }, { depth: 1 }).includes(sandbox.id), false);
    assert.deepEqual([sandbox.ssh, sandbox.url], [undefined, undefined]);
    assert.throws(() => new Sandbox(Symbol(), undefined as never), TypeError);
  });

  // Only once, with the platform's own client, because it takes a while.
  if (sdk.official) {
    test("a session outlives a client that is busy for longer than a dead one may be silent", async () => {
      const { stdout, stderr, code } = await runClient(
        sdk,
        `
        const { execSync } = await import("node:child_process");
        execSync("sleep 18");
        console.log(await sandbox.sh\`echo still here\`.text());
      `,
      );
      assert.deepEqual([stdout, stderr, code], ["still here\n\n", "", 0]);
    });
  }

  test("a session ends when the connection that created it does, whoever else is connected", async () => {
    const first = await Sandbox.create({ timeout: "session" });
    const second = await Sandbox.connect(first.id);
    assert.equal(second.id, first.id);
    await first.fs.writeTextFile("shared", "by the first");
    assert.equal(await second.fs.readTextFile("shared"), "by the first");
    await second.close();
    assert.equal(await first.fs.readTextFile("shared"), "by the first");

    const third = await Sandbox.connect({ id: first.id, debug: false });
    await first.close();
    await first.closed;
    await third.closed;
    await assert.rejects(() => third.fs.stat("/"), ConnectionClosedError);
    await untilGone(first.id);
  });

  test("a session ends when it is disposed of", async () => {
    let id: string;
    {
      await using sandbox = await Sandbox.create();
      id = sandbox.id;
    }
    await untilGone(id);
  });

  test("a sandbox with a duration lives without connections, until it is killed", async () => {
    const first = await Sandbox.create({ timeout: "5m" });
    await first.fs.writeTextFile("kept", "still here");
    await first.close();
    await assert.rejects(() => first.fs.stat("kept"), ConnectionClosedError);
    const second = await Sandbox.connect(first.id);
    assert.equal(await second.fs.readTextFile("kept"), "still here");
    const other = await Sandbox.connect(first.id);
    await second.kill();
    await second.closed;
    await other.closed;
    assert.equal(await isGone(first.id), true);
  });

  test("a sandbox ends when its time is over, also with a client and in the middle of a call", async () => {
    const sandbox = await Sandbox.create({ timeout: "4s" });
    const started = performance.now();
    const sleeping = sandbox.sh`sleep 600`.text().catch((error) => error);
    await sandbox.closed;
    assert.ok(performance.now() - started < 10_000);
    assert.ok((await sleeping) instanceof ConnectionClosedError);
    assert.equal(await isGone(sandbox.id), true);
  });

  test("its time can be extended, by seconds or minutes, while work goes on", async () => {
    const sandbox = await Sandbox.create({ timeout: "60s" });
    const running = sandbox.sh`sleep 0.5; echo done`.text();
    for (const [timeout, ms] of [
      ["10m", 600_000],
      ["900s", 900_000],
    ] as const) {
      const end = await sandbox.extendTimeout(timeout);
      assert.ok(Math.abs(end.getTime() - (Date.now() + ms)) < 5_000, end.toISOString());
    }
    assert.equal(await running, "done\n");
    await sandbox.kill();
  });

  test("a killed sandbox fails what is under way", async () => {
    const sandbox = await Sandbox.create();
    const child = await sandbox.spawn("sleep", { args: ["600"], stdout: "piped" });
    const reading = sandbox.fs.readTextFile("/dev/zero").catch((error) => error);
    await sandbox.kill();
    await assert.rejects(() => child.status, ConnectionClosedError);
    assert.ok((await reading) instanceof Error);
    assert.equal(await isGone(sandbox.id), true);
  });

  test("a sandbox has the memory asked for, and two processors", async () => {
    const totalMiB = async (memory?: "1GiB") => {
      await using sandbox = await Sandbox.create(memory ? { memory } : {});
      const [, kib] = /MemTotal:\s+(\d+) kB/.exec(await sandbox.fs.readTextFile("/proc/meminfo")) ?? [];
      assert.equal((await sandbox.sh`nproc`.text()).trim(), "2");
      return Number(kib) / 1024;
    };
    for (const [found, asked] of [
      [await totalMiB(), 1280],
      [await totalMiB("1GiB"), 1024],
    ] as const) {
      assert.ok(found <= asked && found > asked * 0.85, `${found} of ${asked} MiB`);
    }
  });

  test("tells when a process ran out of memory", async () => {
    await using sandbox = await Sandbox.create();
    // Triggers the kernel's reaction to running out of memory directly: reaching that state takes long under emulation.
    const child = await sandbox.spawn("python3", {
      args: ["-uc", "b = b'x' * (64 << 20); print('large'); input()"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    await child.stdout!.getReader().read();
    await sandbox.sh`echo f | sudo tee /proc/sysrq-trigger > /dev/null`;
    const { memoryMiB, ...status } = await child.status;
    assert.deepEqual(status, { success: false, code: 137, signal: "SIGKILL", oom: true });
    if (!sdk.official) assert.equal(memoryMiB, 1280);
    assert.equal(await sandbox.sh`echo still alive`.text(), "still alive\n");
  });

  test("sandboxes are listed with their labels, running and stopped", async () => {
    const client = new Client();
    const mark = crypto.randomUUID();
    const before = Date.now();
    const one = await client.sandboxes.create({ labels: { mark, n: "1" } });
    const two = await client.sandboxes.create({ labels: { mark, n: "2" }, timeout: "5m" });
    const other = await client.sandboxes.connect(two.id, {});
    await other.close();

    const listed = await client.sandboxes.list({ labels: { mark } });
    assert.deepEqual(listed.map(({ id }) => id).sort(), [one.id, two.id].sort());
    const found = listed.find(({ id }) => id === one.id)!;
    assert.deepEqual(
      [found.status, found.region, found.labels, found.stoppedAt],
      ["running", "ord", { mark, n: "1" }, null],
    );
    assert.ok(found.createdAt instanceof Date && Math.abs(found.createdAt.getTime() - before) < 30_000);
    assert.deepEqual(
      (await client.sandboxes.list({ labels: { mark, n: "2" } })).map(({ id }) => id),
      [two.id],
    );
    assert.deepEqual(await client.sandboxes.list({ labels: { mark, n: "3" } }), []);

    await one.kill();
    await two.kill();
    const all = await client.sandboxes.list();
    const stopped = all.find(({ id }) => id === one.id)!;
    assert.equal(stopped.status, "stopped");
    assert.ok(stopped.stoppedAt instanceof Date && stopped.stoppedAt >= stopped.createdAt);
  });
}
