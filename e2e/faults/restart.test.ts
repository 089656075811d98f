/** A server that is killed: what its next start finds, keeps and removes. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Client, ConnectionClosedError, Sandbox } from "sandkeep";
import { isAlive, machineFolders, machinePids, pidOfSandbox } from "../harness/machines.ts";
import { until } from "../harness/poll.ts";
import { TestServer } from "../harness/server.ts";

/** Whatever takes longer hangs, in milliseconds. */
const TIMEOUT_MS = 300_000;

let dataDir: string;
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "sandkeep-restart-"));
});
after(() => rm(dataDir, { recursive: true, force: true }));

test("sandboxes with a duration live on, everything else is removed, and a stop leaves nothing", { timeout: TIMEOUT_MS }, async () => {
  let server = await TestServer.start({ dataDir });
  Object.assign(process.env, server.env);
  const session = await Sandbox.create({ labels: { kind: "session" } });
  const lasting = await Sandbox.create({ timeout: "10m", labels: { kind: "lasting" } });
  await lasting.fs.writeTextFile("kept", "written before");
  const working = await lasting.spawn("bash", { args: ["-c", "while :; do echo unheard; date +%s%N > alive; sleep 0.1; done"], stdout: "piped", stderr: "null" });
  const lastingPid = pidOfSandbox(dataDir, lasting.id)!;
  const earlier = machinePids(dataDir);
  assert.ok(earlier.includes(lastingPid) && earlier.includes(pidOfSandbox(dataDir, session.id)!));

  await server.crash();
  await Promise.all([session.closed, lasting.closed]);
  await assert.rejects(() => lasting.fs.stat("kept"), ConnectionClosedError);

  server = await TestServer.start({ dataDir });
  try {
    Object.assign(process.env, server.env);
    const again = await Sandbox.connect(lasting.id);
    assert.equal(await again.fs.readTextFile("kept"), "written before");
    // What ran in it still runs, though it prints for a client that is gone: a server that restarts closes no pipe.
    const beat = await again.fs.readTextFile("alive");
    await until("the process goes on", async () => (await again.fs.readTextFile("alive")) !== beat);
    assert.equal(await again.sh`kill -0 ${working.pid} && echo same`.text(), "same\n");
    assert.ok((await again.extendTimeout("5m")).getTime() > Date.now() + 4 * 60_000);

    await assert.rejects(() => Sandbox.connect(session.id), { code: "SANDBOX_NOT_FOUND" });
    const listed = await new Client().sandboxes.list();
    const statusOf = (id: string) => listed.find((sandbox) => sandbox.id === id)?.status;
    assert.deepEqual([statusOf(lasting.id), statusOf(session.id)], ["running", "stopped"]);
    await until("machines of the killed server are gone", () => earlier.filter(isAlive).every((pid) => pid === lastingPid));
    assert.equal(pidOfSandbox(dataDir, session.id), undefined);

    // New ones can be made, and the old one can be killed.
    await using fresh = await Sandbox.create();
    assert.equal(await fresh.sh`echo fresh`.text(), "fresh\n");
    await again.kill();
    await until("the old machine is gone", () => !isAlive(lastingPid));
  } finally {
    await server.stop();
  }
  assert.deepEqual(machinePids(dataDir), []);
  assert.deepEqual(machineFolders(dataDir), []);
  assert.deepEqual(readdirSync(join(dataDir, "run")).filter((name) => name !== "lock"), []);
});
