/**
 * Clients that vanish, go silent, do not read, or ask for too much, and guests that misbehave. The server and other
 * sandboxes continue.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ConnectionEstablishmentError, Sandbox, type Sandbox as SandboxType } from "sandkeep";
import { BareClient } from "../harness/bare-client.ts";
import { ClientProcess } from "../harness/client-process.ts";
import { isAlive, pidOfSandbox, residentMiB } from "../harness/machines.ts";
import { until } from "../harness/poll.ts";
import { TestServer } from "../harness/server.ts";

/** Maximum number of sandboxes here. */
const LIMIT = 10;
/**
 * A client silent for this long is gone, unless its computer still acknowledges; then it may be silent for the second
 * time. In milliseconds.
 */
const SILENT_MS = 1_000;
const BUSY_MS = 6_000;

/** Time limit, in milliseconds. */
const TIMEOUT_MS = 180_000;

let server: TestServer;
let witness: SandboxType;

before(async () => {
  server = await TestServer.start({
    config: { limits: { sandboxesPerOrganisation: LIMIT, silentClientMs: SILENT_MS, busyClientMs: BUSY_MS } },
  });
  Object.assign(process.env, server.env);
  // It runs through all tests, and is used in between to check that it is not affected.
  witness = await Sandbox.create();
});
after(async () => {
  await witness?.close();
  await server?.[Symbol.asyncDispose]();
});

/** Asserts that another sandbox still works. */
async function unharmed(): Promise<void> {
  assert.equal(await witness.sh`echo fine`.text(), "fine\n");
}

/**
 * Resolves when the server counts no sandbox but the witness. A client has left a sandbox at once, but that counts until its
 * machine is gone, which is an event.
 */
async function othersEnded(): Promise<void> {
  const { apiEndpoint, token } = server.ready;
  const url = new URL("/api/v1/events?kind=sandbox.created,sandbox.stopped&limit=1000", apiEndpoint);
  await until("the sandboxes of earlier tests have ended", async () => {
    const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const events = (await response.json()) as { kind: string; outcome: string }[];
    const created = events.filter(({ kind, outcome }) => kind === "sandbox.created" && outcome === "ok");
    const stopped = events.filter(({ kind }) => kind === "sandbox.stopped");
    return created.length - stopped.length === 1;
  });
}

describe("clients", { timeout: TIMEOUT_MS }, () => {
  test("the sandbox of a client that is killed ends", async () => {
    using client = await ClientProcess.start(server.env);
    const pid = pidOfSandbox(server.dataDir, client.sandboxId)!;
    const second = await Sandbox.connect(client.sandboxId);
    client.signal("SIGKILL");
    await second.closed;
    await until("its machine is gone", () => !isAlive(pid));
    await unharmed();
  });

  test("the sandbox of a client that is stopped lives on for a while, and then ends with a reason", async () => {
    using client = await ClientProcess.start(server.env);
    const pid = pidOfSandbox(server.dataDir, client.sandboxId)!;
    const second = await Sandbox.connect(client.sandboxId);
    let closed = false;
    void second.closed.then(() => (closed = true));
    // Its kernel still acknowledges.
    for (let times = 0; times < 2; times++) {
      client.signal("SIGSTOP");
      await delay(BUSY_MS / 2);
      client.signal("SIGCONT");
      await second.sh`sleep 1`;
    }
    assert.equal(closed, false);
    client.signal("SIGSTOP");
    const started = performance.now();
    await second.closed;
    assert.ok(performance.now() - started < 3 * BUSY_MS);
    await until("its machine is gone", () => !isAlive(pid));
    client.signal("SIGCONT");
    assert.match(await client.ended, /1001.*its computer responds: the program hangs/);
    await unharmed();
  });

  test("output that nobody reads waits in the sandbox, not in the server", async () => {
    using client = await BareClient.create(server.ready);
    await witness.sh`true`;
    const before = residentMiB(server.pid);
    for (let process = 0; process < 4; process++) {
      const { pid } = await client.call("spawn", {
        command: "yes",
        args: ["x".repeat(4_000)],
        stdout: "piped",
        stderr: "null",
      });
      client.send("processWait", { pid });
    }
    client.socket.pause();
    let most = 0;
    // While the other sandbox is asked that often, the processes print as fast as they can.
    for (let call = 0; call < 300; call++) {
      await witness.fs.stat("/");
      most = Math.max(most, residentMiB(server.pid));
    }
    await unharmed();
    assert.ok(most - before < 150, `the server grew from ${before.toFixed()} to ${most.toFixed()} MiB`);
  });

  test("too many sandboxes at once are refused one by one, and those that fit are made", async () => {
    await othersEnded();
    const outcomes = await Promise.allSettled(Array.from({ length: 200 }, () => Sandbox.create()));
    const made = outcomes.filter((outcome) => outcome.status === "fulfilled").map(({ value }) => value);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason as Error);
    assert.equal(made.length, LIMIT - 1);
    for (const error of refused) {
      assert.ok(error instanceof ConnectionEstablishmentError, String(error));
      assert.deepEqual([error.status, error.code], [429, "CONCURRENCY_LIMIT"]);
      assert.match(error.message, /sandkeep kill|limits/);
    }
    const hellos = await Promise.all(made.map((sandbox) => sandbox.sh`echo hello`.text()));
    assert.deepEqual(
      hellos,
      made.map(() => "hello\n"),
    );
    await Promise.all(made.map((sandbox) => sandbox.kill()));
    await using again = await Sandbox.create();
    assert.equal(await again.sh`echo again`.text(), "again\n");
    await unharmed();
  });
});

describe("guests", { timeout: TIMEOUT_MS }, () => {
  test("a directory of a million entries is walked a little, and listed or refused", async (context) => {
    await using sandbox = await Sandbox.create();
    // Links to one file, in memory: separate files would take a minute to create, and more inodes than the disk has.
    const started = performance.now();
    await sandbox.sh`mkdir many && sudo mount -t tmpfs -o nr_inodes=0,mode=777 none many && touch many/file`;
    const names = (from: number) =>
      sandbox.sh`perl -e ${`for ($n = ${from}; $n < 1 << 20; $n += 2) { link "many/file", sprintf("many/%x", $n) or die $! }`}`;
    await Promise.all([names(0), names(1)]);
    context.diagnostic(`made in ${((performance.now() - started) / 1_000).toFixed(1)} s`);
    const before = residentMiB(server.pid);

    let seen = 0;
    for await (const entry of sandbox.fs.walk("many")) {
      assert.ok(entry.path.startsWith("many"));
      if (++seen === 20_000) break;
    }
    assert.equal(seen, 20_000);
    const listed = await Array.fromAsync(sandbox.fs.readDir("many")).then(
      (entries) => entries.length,
      (error: Error) => error,
    );
    if (listed instanceof Error) assert.match(listed.message, /large|big|many|limit/i);
    else assert.ok(listed > 1 << 20);
    assert.equal(await sandbox.sh`echo usable`.text(), "usable\n");
    const after = residentMiB(server.pid);
    assert.ok(after - before < 400, `the server grew from ${before.toFixed()} to ${after.toFixed()} MiB`);
    await unharmed();
  });

  test("a guest that sends garbage ends its own sandbox only", async () => {
    const sandbox = await Sandbox.create();
    // As root it can take over the agent's end of the port.
    await sandbox.fs.writeTextFile(
      "garbage.py",
      `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
agent = os.pidfd_open(1)
for name in os.listdir("/proc/1/fd"):
    if "vport" in os.readlink("/proc/1/fd/" + name):
        fd = libc.syscall(438, agent, int(name), 0)
        if fd >= 0:
            os.write(fd, os.urandom(65536))
`,
    );
    const ended = sandbox.sh`sudo python3 garbage.py; sleep 600`
      .noThrow()
      .result()
      .catch((error) => error);
    await sandbox.closed;
    assert.ok((await ended) instanceof Error);
    await assert.rejects(() => Sandbox.connect(sandbox.id), { code: "SANDBOX_NOT_FOUND" });
    await unharmed();
  });

  test("a guest whose kernel panics, and one that powers off, end their own sandboxes only", async () => {
    for (const command of ["echo c | sudo tee /proc/sysrq-trigger", "echo o | sudo tee /proc/sysrq-trigger"]) {
      const sandbox = await Sandbox.create();
      const pid = pidOfSandbox(server.dataDir, sandbox.id)!;
      void sandbox.sh`bash -c ${command} > /dev/null; sleep 600`.result().catch(() => {});
      await sandbox.closed;
      await until("its machine is gone", () => !isAlive(pid));
    }
    await unharmed();
  });

  test("a machine that is killed ends its own sandbox only", async () => {
    const sandbox = await Sandbox.create({ timeout: "5m" });
    process.kill(pidOfSandbox(server.dataDir, sandbox.id)!, "SIGKILL");
    await sandbox.closed;
    await assert.rejects(() => Sandbox.connect(sandbox.id), { code: "SANDBOX_NOT_FOUND" });
    await unharmed();
  });
});
