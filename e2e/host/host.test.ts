/** What every host must do for the control plane, and what a local host must do for its computer, on real machines. */
import assert from "node:assert/strict";
import { access, constants, readFile, readlink, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { hostSuite, magicKey } from "@sandkeep/host/testing";
import { HostFixture, processesNaming } from "./fixture.ts";

hostSuite("the local host", () => HostFixture.open());

describe("on this computer a machine", () => {
  let fixture: HostFixture;
  before(async () => void (fixture = await HostFixture.open()));
  after(() => fixture[Symbol.asyncDispose]());

  test("leaves nothing when it is destroyed: no process, no file", async () => {
    const machine = await fixture.create();
    const [folder, pids] = await belongings(fixture, machine.id);
    assert.ok(pids.length > 0);
    await machine.destroy();
    await assert.rejects(stat(folder), { code: "ENOENT" });
    for (const pid of pids) await assert.rejects(readFile(`/proc/${pid}/environ`), /ENOENT|ESRCH/);
  });

  test("that powers itself off leaves nothing either", async () => {
    const machine = await fixture.create();
    const [folder] = await belongings(fixture, machine.id);
    await magicKey(machine, "o");
    await machine.exited;
    await assert.rejects(stat(folder), { code: "ENOENT" });
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
