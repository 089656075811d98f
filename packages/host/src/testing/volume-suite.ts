/** FOR TESTS ONLY: what every host must do with volumes and the machines that have them, tested on real machines. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { DiskSpec, Host, Machine, MachineSpec } from "../contract.ts";
import { type OpenedHost, specOf } from "./host-suite.ts";
import { run, shell } from "./shell.ts";

const MIB = 1024 ** 2;
const CAPACITY_BYTES = 300_000_000;

let next = 0;

function isBusy(error: { object?: { code?: string } }): boolean {
  assert.equal(error.object?.code, "EBUSY", String(error));
  return true;
}

/** @param open opens the host under test; called once */
export function volumeSuite(name: string, open: () => Promise<OpenedHost>): void {
  describe(`${name}: a volume`, () => {
    let opened: OpenedHost;
    let host: Host;
    before(async () => {
      opened = await open();
      host = opened.host;
    });
    after(() => opened[Symbol.asyncDispose]());
    const create = (spec: Partial<MachineSpec> = {}): Promise<Machine> => host.create(specOf(spec));
    const volume = async (capacityBytes = CAPACITY_BYTES): Promise<string> => {
      const id = `vol_${next++}`;
      await host.storage.createVolume({ id, capacityBytes });
      return id;
    };
    const at = (volume: string, mount: string, options: Partial<DiskSpec> = {}): DiskSpec => ({
      id: volume.replaceAll("_", "-"),
      volume,
      readOnly: false,
      mount,
      ...options,
    });

    test("is mounted for the user at any path, keeps what is written, and comes to the next machine", async () => {
      const [data, nested, spaced] = [await volume(), await volume(), await volume()];
      const disks = [at(nested, "/data/deep/er"), at(data, "/data"), at(spaced, "/srv/with space/ü")];
      const first = await create({ disks });
      assert.equal(
        await shell(first, "stat -c %U /data /data/deep /data/deep/er '/srv/with space/ü' /srv/'with space'"),
        "app\napp\napp\napp\napp",
      );
      assert.match(await shell(first, "df -B1 --output=size,target | grep data$"), /^ *2\d{8} \/data$/);
      await shell(first, "echo one > /data/note; echo two > /data/deep/er/note; echo three > '/srv/with space/ü/note'");
      assert.deepEqual(first.disks.map(({ mount }) => mount).sort(), disks.map(({ mount }) => mount).sort());
      assert.equal((await host.storage.facts(data)).machine, first.id);
      // Not synced: ending a machine writes what it has.
      await first.destroy();
      assert.equal((await host.storage.facts(data)).machine, null);
      const second = await create({ disks: [at(data, "/data"), at(nested, "/other")] });
      assert.equal(await shell(second, "cat /data/note /other/note; ls /data"), "one\ntwo\ndeep\nlost+found\nnote");
      await second.destroy();
    });

    test("belongs to one machine at a time, and the error names it", async () => {
      const data = await volume();
      const holder = await create({ disks: [at(data, "/data")] });
      const refused = { name: "DiskError", code: "DISK_IN_USE", message: new RegExp(holder.id) };
      await assert.rejects(create({ disks: [at(data, "/data")] }), refused);
      const other = await create();
      await assert.rejects(other.attach(at(data, "/data", { readOnly: true })), refused);
      await assert.rejects(host.storage.remove(data), refused);
      await holder.detach(at(data, "").id);
      await other.attach(at(data, "/data"));
      assert.equal((await host.storage.facts(data)).machine, other.id);
      await Promise.all([holder.destroy(), other.destroy()]);
      await host.storage.remove(data);
      await assert.rejects(create({ disks: [at(data, "/data")] }), { name: "DiskError", code: "UNKNOWN_DISK" });
    });

    test("comes and goes while a machine runs, as often as you like, in up to eight slots", async () => {
      const machine = await create();
      const volumes = await Promise.all(Array.from({ length: 9 }, () => volume(32 * MIB)));
      for (let turn = 0; turn < 2; turn++) {
        await Promise.all(volumes.slice(0, 8).map((id, n) => machine.attach(at(id, `/mnt/${n}`))));
        await assert.rejects(machine.attach(at(volumes[8]!, "/mnt/8")), { name: "DiskError", code: "TOO_MANY_DISKS" });
        assert.equal(await shell(machine, "grep -c ' /mnt/' /proc/mounts"), "8");
        await shell(machine, `for n in 0 1 2 3 4 5 6 7; do echo $n.${turn} >> /mnt/$n/note; done`);
        await Promise.all(volumes.slice(0, 8).map((id) => machine.detach(at(id, "").id)));
        assert.equal(await shell(machine, "grep -c ' /mnt/' /proc/mounts; ls /sys/block | grep -c vd"), "0\n1");
      }
      await machine.attach(at(volumes[3]!, "/back"));
      assert.equal(await shell(machine, "cat /back/note"), "3.0\n3.1");
      await machine.destroy();
    });

    test("that programs use is only taken away by force", async () => {
      const data = await volume();
      const machine = await create({ disks: [at(data, "/data")] });
      const sleeper = machine.guest.stream("spawn", { command: "sleep", args: ["1000"], cwd: "/data" });
      sleeper.on("error", () => {}).resume();
      sleeper.end();
      await sleeper.head;
      await shell(machine, "echo kept > /data/note");
      await assert.rejects(machine.detach(at(data, "").id), isBusy);
      assert.equal(await shell(machine, "cat /data/note"), "kept");
      await machine.detach(at(data, "").id, { force: true });
      assert.equal(await shell(machine, "ls /data; echo fine"), "fine");
      const other = await create({ disks: [at(data, "/data")] });
      assert.equal(await shell(other, "cat /data/note"), "kept");
      await Promise.all([machine.destroy(), other.destroy()]);
    });

    test("that another mount hides stays, unless it is taken away by force, and is snapshotted all the same", async () => {
      const data = await volume();
      const machine = await create({ disks: [at(data, "/data")] });
      await shell(machine, "echo kept > /data/note; sudo mount -t tmpfs tmpfs /data; echo hides > /data/note");
      await host.storage.snapshotVolume(data, `${data}-hidden`);
      await assert.rejects(machine.detach(at(data, "").id), isBusy);
      await machine.detach(at(data, "").id, { force: true });
      assert.equal(await shell(machine, "cat /data/note"), "hides");
      const copy = { id: `${data}-copy`, capacityBytes: CAPACITY_BYTES, from: { snapshot: `${data}-hidden` } };
      await host.storage.createVolume(copy);
      await machine.attach(at(copy.id, "/copy"));
      const other = await create({ disks: [at(data, "/data")] });
      assert.deepEqual(
        [await shell(machine, "cat /copy/note"), await shell(other, "cat /data/note")],
        ["kept", "kept"],
      );
      await Promise.all([machine.destroy(), other.destroy()]);
    });

    test("cannot be mounted where it would hide another one", async () => {
      const [outer, inner] = [await volume(), await volume()];
      const machine = await create({ disks: [at(inner, "/data/inner")] });
      await shell(machine, "ln -s /data link");
      for (const mount of ["/data", "/home/app/link"])
        await assert.rejects(machine.attach(at(outer, mount)), {
          name: "GuestError",
          message: /\/data\/inner is mounted/,
        });
      await machine.detach(at(inner, "").id);
      await machine.attach(at(outer, "/data"));
      await machine.attach(at(inner, "/data/inner"));
      await assert.rejects(machine.detach(at(outer, "").id), isBusy);
      await machine.destroy();
    });

    test("that programs of another mount namespace use stays", async () => {
      const data = await volume();
      const machine = await create({ disks: [at(data, "/data")] });
      const inside = "echo $$ > /data/pid; exec sleep 1000";
      await shell(
        machine,
        `sudo unshare -m sh -c '${inside}' > /dev/null 2>&1 & until [ -s /data/pid ]; do sleep 0.1; done`,
      );
      await assert.rejects(machine.detach(at(data, "").id), isBusy);
      await shell(machine, "sudo kill $(cat /data/pid)");
      const detached = () =>
        machine.detach(at(data, "").id).then(
          () => true,
          (error) => !isBusy(error),
        );
      // The namespace ends a moment after its last process.
      while (!(await detached()));
      await machine.destroy();
    });

    test("that is mounted read-only cannot be changed, not even by root who mounts it again", async () => {
      const data = await volume();
      const writer = await create({ disks: [at(data, "/data")] });
      await shell(writer, "echo original > /data/note");
      await writer.destroy();
      const reader = await create({ disks: [at(data, "/data", { readOnly: true })] });
      assert.notEqual((await run(reader, "touch", "/data/new")).code, 0);
      await shell(reader, "sudo mount -o remount,rw /data && echo changed > /data/note && sync");
      await reader.destroy();
      const again = await create({ disks: [at(data, "/data")] });
      assert.equal(await shell(again, "cat /data/note"), "original");
      await again.destroy();
    });

    test("grows while it is mounted, and while it is not", async () => {
      const data = await volume(64 * MIB);
      const machine = await create({ disks: [at(data, "/data")] });
      const size = async (machine: Machine) => Number(await shell(machine, "df -B1M --output=size /data | tail -1"));
      assert.ok((await size(machine)) < 64);
      await host.storage.grow(data, 512 * MIB);
      assert.ok((await size(machine)) > 400);
      // This file system grows when it is mounted next.
      await shell(machine, "sudo mount -o remount,ro /data");
      await host.storage.grow(data, 768 * MIB);
      await shell(machine, "sudo mount -o remount,rw /data");
      await shell(machine, "dd if=/dev/zero of=/data/large bs=1M count=200 status=none && echo ok > /data/note");
      await machine.destroy();
      await host.storage.grow(data, 1024 * MIB);
      const other = await create({ disks: [at(data, "/data")] });
      assert.ok((await size(other)) > 900);
      assert.equal(await shell(other, "cat /data/note; stat -c %s /data/large"), `ok\n${200 * MIB}`);
      await other.destroy();
    });

    test("gives a snapshot while it is written, consistent and complete, of which volumes are made", async () => {
      const data = await volume();
      const machine = await create({ disks: [at(data, "/data")] });
      await shell(machine, "echo before > /data/note; dd if=/dev/urandom of=/data/blob bs=1M count=20 status=none");
      const sum = await shell(machine, "sha256sum < /data/blob");
      const writer = machine.guest.stream("spawn", {
        command: "bash",
        args: ["-c", "n=0; while :; do echo $((n++)) >> /data/log; done"],
      });
      writer.on("error", () => {}).resume();
      writer.end();
      await writer.head;
      await host.storage.snapshotVolume(data, `${data}-snap`);
      await host.storage.snapshotVolume(data, `${data}-snap-2`);
      await shell(machine, "echo after > /data/note; sync");
      const lines = Number(await shell(machine, "wc -l < /data/log"));
      await shell(machine, `until [ $(wc -l < /data/log) -gt ${lines} ]; do :; done`);
      const fork = `${data}-fork`;
      const from = { snapshot: `${data}-snap` };
      await host.storage.createVolume({ id: fork, capacityBytes: CAPACITY_BYTES, from });
      await machine.attach(at(fork, "/fork"));
      assert.equal(await shell(machine, "cat /fork/note; sha256sum < /fork/blob"), `before\n${sum}`);
      await shell(machine, "echo fork > /fork/note");
      assert.equal(await shell(machine, "cat /data/note"), "after");
      await machine.destroy();
      for (const id of [data, `${data}-snap`, `${data}-snap-2`, fork]) {
        for await (const { disk, state, detail } of host.storage.verify())
          if (disk === id) assert.equal(state, "fine", detail);
      }
      const again = await create({ disks: [at(data, "/data"), at(fork, "/fork")] });
      assert.equal(await shell(again, "cat /data/note /fork/note"), "after\nfork");
      await again.destroy();
    });

    test("loses nothing that was synced when its machine's process is killed, and is sound afterwards", async () => {
      const data = await volume();
      const machine = await create({ disks: [at(data, "/data")] });
      await shell(machine, "for n in $(seq 50); do echo $n > /data/$n; sync /data/$n; done");
      await shell(machine, "(while :; do echo x >> /data/log; done) > /dev/null 2>&1 &");
      await opened.kill(machine);
      await machine.exited;
      const other = await create({ disks: [at(data, "/data")] });
      assert.equal(await shell(other, "cd /data; for n in $(seq 50); do [ $(cat $n) = $n ] || echo lost $n; done"), "");
      await other.detach(at(data, "").id);
      const findings = await Array.fromAsync(host.storage.verify());
      assert.equal(findings.find(({ disk }) => disk === data)?.state, "fine");
      await other.destroy();
    });

    test("that cannot be mounted makes no machine, and is free afterwards", async () => {
      const data = await volume();
      const disks = [at(data, "/etc/passwd")];
      await assert.rejects(create({ disks }), { name: "GuestError" });
      const machine = await create();
      await assert.rejects(machine.attach(disks[0]!), { name: "GuestError" });
      await machine.attach(at(data, "/data"));
      await machine.destroy();
    });
  });
}
