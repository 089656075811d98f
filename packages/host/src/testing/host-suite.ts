/** FOR TESTS ONLY: what every host must do for the control plane, tested on real machines. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { GuestError, GuestGone, type Host, type Machine, type MachineSpec } from "../contract.ts";
import { magicKey, run, shell } from "./shell.ts";

/** A host as a test opens it: ready, with nothing running. */
export interface OpenedHost extends AsyncDisposable {
  host: Host;
  /** Another image that specs may name. */
  otherImage: string;
  /** Kills a machine's process, as the computer might. */
  kill(machine: Machine): Promise<void>;
}

/** The control plane that the suite plays. */
export const OWNER = "cp_suite";

/** A machine's clock is set once, with its identity. */
const CLOCK_TOLERANCE_MS = 1_000;

let next = 0;

/** A spec with all required fields. */
export function specOf(spec: Partial<MachineSpec> = {}): MachineSpec {
  return { id: `sbx_test_${next++}`, owner: OWNER, memoryMiB: 1_280, env: {}, keep: false, ...spec };
}

/** @param open opens the host under test; called once */
export function hostSuite(name: string, open: () => Promise<OpenedHost>): void {
  describe(`${name}: a machine`, () => {
    let opened: OpenedHost;
    before(async () => void (opened = await open()));
    after(() => opened[Symbol.asyncDispose]());
    const create = (spec: Partial<MachineSpec> = {}): Promise<Machine> => opened.host.create(specOf(spec));

    test("is a Linux of its own, with the memory, processors and disk asked for", async () => {
      const machine = await create({ env: { GREETING: "hello" } });
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
      const machine = await create();
      assert.equal(await shell(machine, "ls -d /sys/class/net/*/device 2> /dev/null || true"), "");
      assert.notEqual((await run(machine, "bash", "-c", "exec 3<>/dev/tcp/192.0.2.1/80")).code, 0);
      await machine.destroy();
    });

    test("is no other's twin: names, randomness, clock", async () => {
      const started = Date.now();
      const machines = await Promise.all([create(), create(), create()]);
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
      for (const column of columns) {
        const clock = Number(column[4]) / 1e6;
        assert.ok(clock > started - CLOCK_TOLERANCE_MS && clock < Date.now() + CLOCK_TOLERANCE_MS, `it is ${clock}`);
      }
      await Promise.all(machines.map((machine) => machine.destroy()));
    });

    test("sees nothing of what another one writes, to memory or disk", async () => {
      const writer = await create();
      const reader = await create();
      await shell(writer, "echo secret > /home/app/note; echo secret > /dev/shm/note; sync");
      await assert.rejects(reader.guest.call("stat", { path: "/home/app/note" }), GuestError);
      await assert.rejects(reader.guest.call("stat", { path: "/dev/shm/note" }), GuestError);
      await Promise.all([writer.destroy(), reader.destroy()]);
      const later = await create();
      await assert.rejects(later.guest.call("stat", { path: "/home/app/note" }), GuestError);
      await later.destroy();
    });

    test("of a root and a size without a template is made too, beside machines of the usual kind", async () => {
      const [other, usual] = await Promise.all([
        create({ root: { image: opened.otherImage }, memoryMiB: 777 }),
        create(),
      ]);
      const memoryKiB = Number(await shell(other, "awk '/MemTotal/{print $2}' /proc/meminfo"));
      // The next size, without what its kernel takes.
      assert.ok(memoryKiB > 777 * 1024 && memoryKiB < 1024 * 1024, String(memoryKiB));
      assert.equal(await shell(usual, "id -un"), "app");
      await Promise.all([other.destroy(), usual.destroy()]);
      await assert.rejects(create({ root: { image: "no-such-image" } }), { name: "SpecError", code: "UNKNOWN_ROOT" });
    });

    test("is not made when its spec contradicts the contract", async () => {
      await assert.rejects(create({ memoryMiB: 1 }), { name: "SpecError", code: "INVALID_SPEC" });
      const disk = { id: "data", volume: "vol_1", readOnly: false, mount: "/data" };
      await assert.rejects(create({ disks: [disk, disk] }), { name: "SpecError", code: "INVALID_SPEC" });
    });

    test("counts what it uses, on top of what was used before", async () => {
      const before = { cpuSeconds: 100, memoryMiBSeconds: 5_000, egressBytesUp: 7, egressBytesDown: 9 };
      const machine = await create({ usage: before });
      const first = await machine.usage();
      const busy = machine.guest.stream("spawn", { command: "sh", args: ["-c", "while :; do :; done"] });
      // It ends with the machine.
      busy.on("error", () => {}).resume();
      busy.end();
      let second = first;
      while (second.cpuSeconds < first.cpuSeconds + 0.5) {
        await machine.guest.call("ping", {});
        second = await machine.usage();
      }
      assert.ok(first.cpuSeconds >= 100 && first.cpuSeconds < 110, `${first.cpuSeconds} s`);
      // On two processors, half a second of processor time takes at least a quarter of a second.
      const given = second.memoryMiBSeconds - first.memoryMiBSeconds;
      assert.ok(given >= 1_280 / 8 && first.memoryMiBSeconds >= 5_000, String(given));
      assert.ok(second.memoryBytes > 10 * 1024 ** 2 && second.memoryBytes < 2 * 1024 ** 3, String(second.memoryBytes));
      assert.deepEqual([second.egressBytesUp, second.egressBytesDown], [7, 9]);
      await machine.destroy();
      const last = await machine.usage();
      assert.ok(last.cpuSeconds >= second.cpuSeconds);
      assert.equal(last.memoryBytes, 0);
    });

    test("is gone when it is destroyed, and whatever waits for it is told", async () => {
      const machine = await create();
      const pending = machine.guest.call("processWait", { pid: 1 }).catch((error: unknown) => error);
      await machine.destroy();
      assert.deepEqual(await machine.exited, { reason: "destroyed" });
      assert.ok((await pending) instanceof Error);
      await assert.rejects(machine.guest.call("ping", {}), GuestGone);
    });

    test("that powers itself off is gone like one that was destroyed", async () => {
      const machine = await create();
      await magicKey(machine, "o");
      assert.equal((await machine.exited).reason, "powered-off");
    });

    test("whose kernel panics is gone too, and others do not notice", async () => {
      const [victim, other] = await Promise.all([create(), create()]);
      await magicKey(victim, "c");
      assert.ok(["powered-off", "crashed"].includes((await victim.exited).reason));
      assert.equal(await shell(other, "echo fine"), "fine");
      await other.destroy();
    });

    test("that sends garbage instead of answers is ended, and others do not notice", async () => {
      const [liar, other] = await Promise.all([create(), create()]);
      // Root in the guest can patch the running agent: from now on its answers lack a required field.
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
  });
}
