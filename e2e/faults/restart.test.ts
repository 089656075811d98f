/** A server that is killed: what its next start finds, keeps and removes. */
import assert from "node:assert/strict";
import { lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Client, ConnectionClosedError, Sandbox } from "sandkeep";
import { asIntruder } from "../harness/intruder.ts";
import { folderOfSandbox, isAlive, machineFolders, machinePids, pidOfSandbox } from "../harness/machines.ts";
import { until } from "../harness/poll.ts";
import { TestServer } from "../harness/server.ts";

/** Time limit, in milliseconds. */
const TIMEOUT_MS = 300_000;

let dataDir: string;
before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "sandkeep-restart-"));
});
after(() => rm(dataDir, { recursive: true, force: true }));

test("sandboxes with a duration live on, everything else is removed, and a stop leaves nothing", {
  timeout: TIMEOUT_MS,
}, async () => {
  let server = await TestServer.start({ dataDir });
  Object.assign(process.env, server.env);
  const session = await Sandbox.create({ labels: { kind: "session" } });
  const lasting = await Sandbox.create({ timeout: "10m", labels: { kind: "lasting" } });
  await lasting.fs.writeTextFile("kept", "written before");
  const working = await lasting.spawn("bash", {
    args: ["-c", "while :; do echo unheard; date +%s%N > alive; sleep 0.1; done"],
    stdout: "piped",
    stderr: "null",
  });
  // No valid record of its process, as left by another version: it cannot be taken over, and must not keep running.
  const unrecorded = await Sandbox.create({ timeout: "10m" });
  const lastingPid = pidOfSandbox(dataDir, lasting.id)!;
  rmSync(join(folderOfSandbox(dataDir, unrecorded.id)!, "process.json"));
  const earlier = machinePids(dataDir);
  assert.ok(earlier.includes(lastingPid) && earlier.includes(pidOfSandbox(dataDir, session.id)!));

  await server.crash();
  await Promise.all([session.closed, lasting.closed, unrecorded.closed]);
  await assert.rejects(() => lasting.fs.stat("kept"), ConnectionClosedError);

  server = await TestServer.start({ dataDir });
  try {
    Object.assign(process.env, server.env);
    const again = await Sandbox.connect(lasting.id);
    assert.equal(await again.fs.readTextFile("kept"), "written before");
    // Its processes still run, even if they print for a client that is gone: a restarting server closes no pipe.
    const beat = await again.fs.readTextFile("alive");
    await until("the process goes on", async () => (await again.fs.readTextFile("alive")) !== beat);
    assert.equal(await again.sh`kill -0 ${working.pid} && echo same`.text(), "same\n");
    assert.ok((await again.extendTimeout("5m")).getTime() > Date.now() + 4 * 60_000);

    await assert.rejects(() => Sandbox.connect(session.id), { code: "SANDBOX_NOT_FOUND" });
    const listed = await new Client().sandboxes.list();
    const statusOf = (id: string) => listed.find((sandbox) => sandbox.id === id)?.status;
    assert.deepEqual(
      [lasting, session, unrecorded].map(({ id }) => statusOf(id)),
      ["running", "stopped", "stopped"],
    );
    await until("machines of the killed server are gone", () =>
      earlier.filter(isAlive).every((pid) => pid === lastingPid),
    );
    assert.equal(pidOfSandbox(dataDir, session.id), undefined);

    // New ones can be created, and the old one can be killed.
    await using fresh = await Sandbox.create();
    assert.equal(await fresh.sh`echo fresh`.text(), "fresh\n");
    await again.kill();
    await until("the old machine is gone", () => !isAlive(lastingPid));
  } finally {
    await server.stop();
  }
  assert.deepEqual(machinePids(dataDir), []);
  assert.deepEqual(machineFolders(dataDir), []);
  assert.deepEqual(readdirSync(join(dataDir, "run")), []);
});

test("a machine whose monitor was taken over changes nothing for the server: links, forged records, other sockets, across restarts", {
  timeout: TIMEOUT_MS,
}, async () => {
  const victim = join(dataDir, "victim");
  writeFileSync(victim, "the host's own", { mode: 0o600 });
  const decoy = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  let connections = 0;
  await new Promise<void>((resolve) => decoy.listen(join(dataDir, "decoy"), resolve));
  let server = await TestServer.start({ dataDir });
  try {
    Object.assign(process.env, server.env);
    const other = await Sandbox.create({ timeout: "10m" });
    let hostile = await Sandbox.create({ timeout: "10m" });
    await other.fs.writeTextFile("mine", "other");
    await hostile.fs.writeTextFile("mine", "hostile");
    const [otherPid, pid] = [pidOfSandbox(dataDir, other.id)!, pidOfSandbox(dataDir, hostile.id)!];
    const folder = folderOfSandbox(dataDir, hostile.id)!;
    // The egress counters are kept by the server and written when it stops.
    const names = () => readdirSync(folder).filter((name) => name !== "egress-usage.json");
    const before = names().sort();
    const attack = () =>
      assert.equal(
        asIntruder(pid, attempts({ folder, victim, decoy: join(dataDir, "decoy"), id: other.id, otherPid })).trim(),
        "tried",
      );
    const unharmed = async () => {
      assert.deepEqual(names().sort(), before);
      for (const name of readdirSync(folder)) assert.ok(!lstatSync(join(folder, name)).isSymbolicLink(), name);
      assert.equal(readFileSync(victim, "utf8"), "the host's own");
      assert.deepEqual([pidOfSandbox(dataDir, other.id), pidOfSandbox(dataDir, hostile.id)], [otherPid, pid]);
      // Each has kept its identity.
      assert.deepEqual(
        await Promise.all([other, hostile].map(async ({ id }) => (await Sandbox.connect(id)).fs.readTextFile("mine"))),
        ["other", "hostile"],
      );
    };

    attack();
    assert.ok((await hostile.extendTimeout("15m")).getTime() > Date.now());
    await unharmed();

    for (const leave of [() => server.crash(), () => server.stop("SIGUSR2")]) {
      attack();
      await leave();
      attack();
      server = await TestServer.start({ dataDir });
      Object.assign(process.env, server.env);
      await unharmed();
    }

    hostile = await Sandbox.connect(hostile.id);
    attack();
    await hostile.kill();
    await until("its machine is gone", () => !isAlive(pid));
    assert.equal(readFileSync(victim, "utf8"), "the host's own");
    assert.equal(await (await Sandbox.connect(other.id)).fs.readTextFile("mine"), "other");
    assert.equal(connections, 0);
  } finally {
    await server.stop();
    decoy.close();
  }
  assert.deepEqual(machineFolders(dataDir), []);
});

/** A script that tries everything in the machine's folder, and reports what it could do. */
function attempts({
  folder,
  victim,
  decoy,
  id,
  otherPid,
}: {
  folder: string;
  victim: string;
  decoy: string;
  id: string;
  otherPid: number;
}): string {
  const records = [
    ["machine.json", JSON.stringify({ id, pid: otherPid, memoryMiB: 1_280, keep: true })],
    ["process.json", JSON.stringify({ pid: otherPid, startTicks: 1, uid: null })],
  ];
  const tries = [
    ...[
      "machine.new",
      "machine.json.new",
      "process.json.new",
      "machine.json",
      "process.json",
      "egress-usage.json",
      "disk.qcow2",
    ].map((name) => `ln -sf ${victim} ${folder}/${name}`),
    ...["qmp", "control", "egress"].flatMap((name) => [
      `ln -sf ${decoy} ${folder}/${name}`,
      `rm ${folder}/${name}`,
      `mv ${folder}/${name} ${folder}/gone`,
    ]),
    ...records.map(([name, text]) => `echo '${text}' > ${folder}/${name}`),
    `mv ${folder} ${folder}.old`,
    `mkdir ${folder}/new`,
    `ls ${folder}/machine.json`,
    `cat ${victim}`,
  ];
  // It can write its own disk's header: a file of the host named there as backing file must never be opened.
  const forge = `printf '/etc/shadow' | dd of=${folder}/disk.qcow2 bs=1 seek=512 conv=notrunc 2> /dev/null`;
  return `${forge}\n${tries.map((one) => `(${one}) > /dev/null 2>&1 && echo "did: ${one.replaceAll("'", "")}"`).join("\n")}\necho tried`;
}
