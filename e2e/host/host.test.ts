/** What every engine owes the control plane, shown on real machines with the engine that works here. */
import assert from "node:assert/strict";
import { access, constants, readFile, readlink, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { GuestError, GuestGone } from "@sandkeep/host";
import { HostFixture, processesNaming, run, shell } from "./fixture.ts";

describe("a machine", () => {
  let fixture: HostFixture;
  before(async () => void (fixture = await HostFixture.open()));
  after(() => fixture[Symbol.asyncDispose]());

  test("is a Linux of its own, with the memory, processors and disk asked for", async () => {
    const machine = await fixture.create({ env: { GREETING: "hello" } });
    const facts = await shell(
      machine,
      "uname -s; nproc; awk '/MemTotal/{print $2}' /proc/meminfo; df -B1 --output=size / | tail -1; id -un; pwd; echo $GREETING; tr '\\0' ' ' < /proc/1/comm",
    );
    const [system, processors, memoryKiB, disk, user, home, greeting, init] = facts.split("\n");
    assert.equal(system, "Linux");
    assert.equal(processors, "2");
    assert.ok(Number(memoryKiB) > 1100 * 1024 && Number(memoryKiB) < 1280 * 1024, memoryKiB);
    assert.ok(Number(disk) > 9e9 && Number(disk) < 11e9, disk);
    assert.deepEqual([user, home, greeting], ["app", "/home/app", "hello"]);
    assert.ok(init);
    await machine.destroy();
  });

  test("has no network card", async () => {
    const machine = await fixture.create();
    assert.equal(await shell(machine, "ls -d /sys/class/net/*/device 2> /dev/null || true"), "");
    assert.notEqual((await run(machine, "bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/80")).code, 0);
    await machine.destroy();
  });

  test("is no other's twin: names, randomness, clock", async () => {
    const machines = await Promise.all([fixture.create(), fixture.create(), fixture.create()]);
    const facts = await Promise.all(
      machines.map((machine) =>
        shell(
          machine,
          "cat /etc/machine-id; hostname; head -c 32 /dev/urandom | sha256sum; cat /proc/sys/kernel/random/uuid; date +%s%N",
        ),
      ),
    );
    const columns = facts.map((text) => text.split("\n"));
    for (const row of [0, 1, 2, 3])
      assert.equal(new Set(columns.map((column) => column[row])).size, machines.length, `row ${row}`);
    for (const column of columns)
      assert.ok(Math.abs(Number(column[4]) / 1e6 - Date.now()) < 5_000, `its clock says ${column[4]}`);
    await Promise.all(machines.map((machine) => machine.destroy()));
  });

  test("sees nothing of what another one writes, to memory or disk", async () => {
    const writer = await fixture.create();
    const reader = await fixture.create();
    await shell(writer, "echo secret > /home/app/note; echo secret > /dev/shm/note; sync");
    await assert.rejects(reader.guest.call("stat", { path: "/home/app/note" }), GuestError);
    await assert.rejects(reader.guest.call("stat", { path: "/dev/shm/note" }), GuestError);
    await Promise.all([writer.destroy(), reader.destroy()]);
    const later = await fixture.create();
    await assert.rejects(later.guest.call("stat", { path: "/home/app/note" }), GuestError);
    await later.destroy();
  });

  test("of a size without a template boots from scratch", async () => {
    const machine = await fixture.create({ memoryMiB: 777 });
    const memoryKiB = Number(await shell(machine, "awk '/MemTotal/{print $2}' /proc/meminfo"));
    assert.ok(memoryKiB > 600 * 1024 && memoryKiB < 777 * 1024, String(memoryKiB));
    await machine.destroy();
  });

  test("leaves nothing when it is destroyed: no process, no file", async () => {
    const machine = await fixture.create();
    const [folder, pids] = await belongings(fixture, machine.id);
    assert.ok(pids.length > 0);
    const pending = machine.guest.call("processWait", { pid: 1 }).catch((error: unknown) => error);
    await machine.destroy();
    assert.deepEqual(await machine.exited, { reason: "destroyed" });
    await assert.rejects(stat(folder), { code: "ENOENT" });
    for (const pid of pids) await assert.rejects(readFile(`/proc/${pid}/environ`), /ENOENT|ESRCH/);
    assert.ok((await pending) instanceof Error);
    await assert.rejects(machine.guest.call("ping", {}), GuestGone);
  });

  test("that powers itself off is gone like one that was destroyed", async () => {
    const machine = await fixture.create();
    const [folder] = await belongings(fixture, machine.id);
    await run(machine, "sudo", "bash", "-c", "echo 1 > /proc/sys/kernel/sysrq; echo o > /proc/sysrq-trigger").catch(
      () => {},
    );
    assert.equal((await machine.exited).reason, "powered-off");
    await assert.rejects(stat(folder), { code: "ENOENT" });
  });

  test("whose kernel panics is gone too, and others do not notice", async () => {
    const [victim, other] = await Promise.all([fixture.create(), fixture.create()]);
    await run(victim, "sudo", "bash", "-c", "echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger").catch(
      () => {},
    );
    assert.ok(["powered-off", "crashed"].includes((await victim.exited).reason));
    assert.equal(await shell(other, "echo fine"), "fine");
    await other.destroy();
  });

  test("that sends garbage instead of answers is ended, and others do not notice", async () => {
    const [liar, other] = await Promise.all([fixture.create(), fixture.create()]);
    // Root in the guest can rewrite the agent as it runs: from now on its answers lack a field of the contract.
    const lie = [
      "import re",
      "mem = open('/proc/1/mem', 'r+b', 0)",
      "for line in open('/proc/1/maps'):",
      "    start, end = (int(x, 16) for x in line.split()[0].split('-'))",
      "    if line.split()[1][0] != 'r' or '[' in line: continue",
      "    mem.seek(start)",
      "    data = mem.read(end - start)",
      "    for found in re.finditer(b'isBlockDevice', data):",
      "        mem.seek(start + found.start())",
      "        mem.write(b'isNothingElse')",
    ];
    assert.equal((await run(liar, "sudo", "python3", "-c", lie.join("\n"))).code, 0);
    await assert.rejects(liar.guest.call("stat", { path: "/" }), GuestGone);
    assert.equal((await liar.exited).reason, "garbage");
    assert.equal(await shell(other, "echo fine"), "fine");
    await other.destroy();
  });

  test("is limited by a control group where this process may make one", async (context) => {
    const hierarchies = ["/sys/fs/cgroup/cgroup.subtree_control", "/sys/fs/cgroup/memory/cgroup.procs"];
    const writable = await Promise.all(
      hierarchies.map((path) =>
        access(path, constants.W_OK).then(
          () => true,
          () => false,
        ),
      ),
    );
    if (!writable.includes(true)) return context.diagnostic("no group can be made here");
    const machine = await fixture.create();
    const [folder, pids] = await belongings(fixture, machine.id);
    const names = await Promise.all(pids.map(async (pid) => await readFile(`/proc/${pid}/cgroup`, "utf8")));
    assert.ok(
      names.some((text) => text.includes(`/sandkeep/${basename(folder)}`)),
      names.join(),
    );
    await machine.destroy();
  });

  test("runs in a jail: no privilege, no network, no file but its own", async () => {
    const machine = await fixture.create();
    const [folder, pids] = await belongings(fixture, machine.id);
    const jailed = (
      await Promise.all(pids.map(async (pid) => ({ pid, name: (await readFile(`/proc/${pid}/comm`, "utf8")).trim() })))
    ).find(({ name }) => name.startsWith("qemu"))!;
    const status = await readFile(`/proc/${jailed.pid}/status`, "utf8");
    const uids = /^Uid:\s+(.*)$/m.exec(status)![1]!.split("\t");
    assert.ok(!uids.includes("0"), `runs as ${uids}`);
    assert.match(status, /^CapEff:\s+0+$/m);
    assert.match(status, /^NoNewPrivs:\s+1$/m);
    assert.match(status, /^Seccomp:\s+2$/m);
    for (const space of ["net", "mnt", "pid", "ipc"]) {
      assert.notEqual(
        await readlink(`/proc/${jailed.pid}/ns/${space}`),
        await readlink(`/proc/self/ns/${space}`),
        space,
      );
    }
    const mounts = (await readFile(`/proc/${jailed.pid}/mounts`, "utf8")).split("\n").map((line) => line.split(" "));
    const writable = mounts.filter(([, , , options]) => options?.split(",")[0] === "rw").map(([, path]) => path!);
    assert.deepEqual(
      writable.filter((path) => !path.startsWith("/dev")),
      [join(folder, "disk.qcow2")],
      "its disk, and no folder",
    );
    await machine.destroy();
  });
});

/** A machine's folder, and its processes on this computer. */
async function belongings(fixture: HostFixture, id: string): Promise<[folder: string, pids: number[]]> {
  for (const name of await fixture.folders()) {
    const folder = join(fixture.dataDir, "run", name);
    const record = await readFile(join(folder, "machine.json"), "utf8").catch(() => "{}");
    if (JSON.parse(record).id === id) return [folder, [...(await processesNaming(`${folder}/`)).keys()]];
  }
  throw new Error(`no folder of ${id}`);
}
