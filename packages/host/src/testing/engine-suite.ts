/** FOR TESTS ONLY: what every engine must do for the host, tested on real machines. */
import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  type BootFiles,
  type CapturableVm,
  type Engine,
  ROOT_SLOT,
  type RootDisk,
  type TemplateFiles,
  type Vm,
  type WaitingVm,
} from "../engine/engine.ts";
import type { GuestClient } from "../guest/client.ts";
import {
  BOOT_HELLO_TIMEOUT_MS,
  connectGuest,
  discard,
  enterRoot,
  loadAndConnect,
  RUNNING_HELLO_TIMEOUT_MS,
} from "../machines/clone.ts";
import { createFolder } from "../machines/folder.ts";
import { engineId } from "../machines/source.ts";
import { plugThrowAway } from "../machines/throw-away-root.ts";
import { magicKey, shell } from "./shell.ts";

/** An engine as a test opens it. */
export interface EngineFixture extends AsyncDisposable {
  engine: Engine;
  boot: BootFiles;
  root: RootDisk;
  /** Where machines run. */
  runDir: string;
  /** Where templates may be stored; does not exist yet. */
  templatesDir: string;
}

/** Small, because nothing large runs. */
const SIZE = { memoryMiB: 768, vcpus: 2 };

/** @param open opens the engine under test; called once */
export function engineSuite(name: string, open: () => Promise<EngineFixture>): void {
  describe(`the engine ${name}`, () => {
    let fixture: EngineFixture;
    let engine: Engine;
    /** Of a machine that waits for its root, and of one that has it. */
    let rootless: TemplateFiles;
    let template: TemplateFiles;

    before(async () => {
      fixture = await open();
      engine = fixture.engine;
      await mkdir(fixture.templatesDir, { recursive: true });
      rootless = await captureRootless();
      template = await captureRooted();
    });
    after(() => fixture[Symbol.asyncDispose]());

    async function captureRootless(): Promise<TemplateFiles> {
      const dir = createFolder(fixture.runDir);
      const vm = await engine.boot({ dir, size: SIZE, boot: fixture.boot });
      const guest = await connectGuest(vm, BOOT_HELLO_TIMEOUT_MS);
      await guest.call("quiesce", {});
      return await capture(dir, vm, guest, false);
    }

    /** A template of a machine in which a file was written and a process runs. */
    async function captureRooted(): Promise<TemplateFiles> {
      const { root, runDir } = fixture;
      const dir = createFolder(runDir);
      const vm = await engine.prepareForCapture({ dir, size: SIZE, root }, rootless);
      await vm.load();
      const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
      await enterRoot(guest);
      await shell({ guest }, "echo template > /home/app/disk; echo template > /dev/shm/memory; sync");
      await shell({ guest }, "(while :; do sleep 1000; done) > /dev/null 2>&1 & echo $! > /dev/shm/pid");
      await guest.call("sync", {});
      return await capture(dir, vm, guest, true);
    }

    async function capture(dir: string, vm: CapturableVm, guest: GuestClient, rooted: boolean): Promise<TemplateFiles> {
      guest.close();
      await guest.ended;
      await vm.capture();
      for (const path of filesOf(engine.templateFiles(dir, rooted))) assert.ok(existsSync(path), path);
      const target = join(fixture.templatesDir, basename(dir));
      await rename(dir, target);
      return engine.templateFiles(target, rooted);
    }

    function filesOf({ memory, state, disk }: TemplateFiles): string[] {
      return [memory, state, ...Object.values(disk ?? {})];
    }

    async function prepare(): Promise<{ vm: WaitingVm; dir: string }> {
      const dir = createFolder(fixture.runDir);
      return { dir, vm: await engine.prepare({ dir, size: SIZE, root: fixture.root }, template) };
    }

    async function clone(): Promise<{ vm: Vm; dir: string; guest: GuestClient }> {
      const { vm, dir } = await prepare();
      await vm.load();
      return { vm, dir, guest: await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS) };
    }

    test("says what it is, and everything on which a template depends", () => {
      assert.ok(engine.name && engine.fingerprint);
      assert.ok(["kvm", "tcg"].includes(engine.acceleration.kind) && engine.acceleration.reason);
    });

    test("a machine that waits for its root enters it, runs until it is killed, and leaves no process", async () => {
      const dir = createFolder(fixture.runDir);
      const vm = await engine.prepare({ dir, size: SIZE }, rootless);
      await vm.load();
      const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
      await plugThrowAway({ vm, dir }, fixture.root);
      await enterRoot(guest);
      assert.equal(await shell({ guest }, "echo hello; nproc; id -un; pwd"), "hello\n2\napp\n/home/app");
      // Nothing of what was before is left: no mount, no file, no file that is open, no thread that is elsewhere.
      assert.equal(await shell({ guest }, "grep -c ' / ' /proc/mounts; ls /init /modules /newroot 2> /dev/null"), "1");
      const places =
        "readlink /proc/1/fd/* /proc/1/task/*/cwd /proc/1/task/*/root | grep -Ev '^(/dev/|socket:|anon_inode:|pipe:)' | sort -u";
      const found = await shell({ guest }, `sudo bash -c "${places}"`);
      assert.ok(["/", "/\n/home/app"].includes(found), found);
      assert.equal(typeof (await vm.console()), "string");
      process.kill(vm.pid, 0);
      const usage = vm.usage()!;
      assert.ok(usage.cpuSeconds > 0 && usage.memoryBytes > 1024 ** 2, JSON.stringify(usage));
      await vm.kill();
      assert.equal((await vm.exited).signal ?? "gone", (await vm.exited).signal === null ? "gone" : "SIGKILL");
      assert.equal(vm.usage(), null);
      assert.throws(() => process.kill(vm.pid, 0), { code: "ESRCH" });
      await discard({ vm, dir, guest });
    });

    test("a layer that is plugged in keeps what a machine writes", async () => {
      const own = join(fixture.templatesDir, "own.qcow2");
      await copyFile(template.disk!.empty, own);
      const { layers, capacityBytes: bytes } = fixture.root;
      for (const [command, said] of [
        ["echo kept > /home/app/kept; sync", ""],
        ["cat /home/app/kept", "kept"],
      ] as const) {
        const dir = createFolder(fixture.runDir);
        const vm = await engine.prepare({ dir, size: SIZE }, rootless);
        await vm.load();
        const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
        await vm.slots.plug(ROOT_SLOT, { layers: [...layers, own], bytes });
        await enterRoot(guest);
        assert.equal(await shell({ guest }, command), said);
        assert.equal(await vm.slots.depth(ROOT_SLOT), 2);
        await discard({ vm, dir, guest });
      }
    });

    test("a root that is none is refused, with the reason", async () => {
      const dir = createFolder(fixture.runDir);
      const vm = await engine.prepare({ dir, size: SIZE }, rootless);
      await vm.load();
      const guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
      const { capacityBytes } = fixture.root;
      await plugThrowAway({ vm, dir }, { layers: [template.disk!.empty], capacityBytes });
      await assert.rejects(enterRoot(guest), /not a bootable root: its ext4 file system cannot be mounted/);
      await discard({ vm, dir, guest });
    });

    test("captures a machine into files that are whole, and that nobody writes again", async () => {
      const files = [...filesOf(template), ...filesOf(rootless)];
      const before = files.map((path) => statSync(path));
      const one = await clone();
      await shell(one, "echo clone > /home/app/disk; echo clone > /dev/shm/memory; sync");
      await discard(one);
      for (const [n, path] of files.entries()) {
        const { mtimeMs, size } = statSync(path);
        assert.deepEqual([mtimeMs, size], [before[n]!.mtimeMs, before[n]!.size], path);
      }
    });

    test("clones it with its disk, memory and processes; each clone writes for itself", async () => {
      const [one, two] = await Promise.all([clone(), clone()]);
      assert.equal(await shell(one, "cat /home/app/disk /dev/shm/memory"), "template\ntemplate");
      assert.equal(await shell(one, "kill -0 $(cat /dev/shm/pid) && echo runs"), "runs");
      await shell(one, "echo clone > /home/app/disk; echo clone > /dev/shm/memory; sync");
      assert.equal(await shell(two, "cat /home/app/disk /dev/shm/memory"), "template\ntemplate");
      await Promise.all([discard(one), discard(two)]);
    });

    for (const method of ["copy", "migration"] as const) {
      test(`forks a machine by ${method}: its children have its processes, memory and disk, and go their own ways`, async () => {
        const from = { template, root: fixture.root, engine: engineId(engine) };
        const parent = await clone();
        await shell(parent, "echo parent > /home/app/disk; echo parent > /dev/shm/memory");
        const children = await Promise.all([prepare(), prepare()]);
        let paused = 0;
        const options = {
          own: ["disk.qcow2"],
          next: "disk-1.qcow2",
          method,
          beforePause: async () => void (await parent.guest.call("freezeProcesses", { thawAfterMs: 60_000 })),
          onContinued: () => void paused++,
        };
        const loads = await engine.fork(
          parent.vm,
          children.map(({ vm }) => vm),
          from,
          options,
        );
        await parent.guest.call("thawProcesses", {});
        assert.equal(paused, 1);
        const machines = [parent];
        for (const [n, { vm, dir }] of children.entries()) {
          const guest = await loadAndConnect(vm, loads[n]!, RUNNING_HELLO_TIMEOUT_MS);
          await guest.call("thawProcesses", {});
          machines.push({ vm, dir, guest });
        }
        for (const [n, machine] of machines.entries()) {
          assert.equal(await shell(machine, "cat /home/app/disk /dev/shm/memory"), "parent\nparent");
          assert.equal(await shell(machine, "kill -0 $(cat /dev/shm/pid) && echo runs"), "runs");
          await shell(machine, `echo ${n} > /home/app/disk; echo ${n} > /dev/shm/memory; sync`);
        }
        for (const [n, machine] of machines.entries()) {
          await shell(machine, "echo 3 | sudo tee /proc/sys/vm/drop_caches");
          assert.equal(await shell(machine, "cat /home/app/disk /dev/shm/memory"), `${n}\n${n}`);
        }
        await Promise.all(machines.map(discard));
      });

      test(`suspends a machine by ${method}, and revives it`, async () => {
        const from = { template, root: fixture.root, engine: engineId(engine) };
        const one = await clone();
        await shell(one, "echo before > /home/app/disk; echo before > /dev/shm/memory");
        const suspended = { own: ["disk.qcow2"], method, beforePause: async () => {} };
        const failing = engine.suspend(one.vm, from, {
          ...suspended,
          commit: () => Promise.reject(new Error("the disk is full")),
        });
        await assert.rejects(failing, /the disk is full/);
        assert.equal(await shell(one, "cat /dev/shm/memory"), "before", "it goes on");
        const moved = createFolder(fixture.runDir);
        const commit = async () => {
          await rename(one.dir, moved);
          return moved;
        };
        await engine.suspend(one.vm, from, { ...suspended, commit });
        one.guest.close();
        await one.vm.exited;
        assert.throws(() => process.kill(one.vm.pid, 0), { code: "ESRCH" });
        // Any number of times, as nothing in the folder changes.
        const revive = async () => {
          const { vm, dir } = await prepare();
          const load = await engine.revive(vm, from, { ...suspended, dir: moved, next: "disk-1.qcow2" });
          return { vm, dir, guest: await loadAndConnect(vm, load, RUNNING_HELLO_TIMEOUT_MS) };
        };
        const first = await revive();
        await shell(first, "echo first > /home/app/disk; echo first > /dev/shm/memory; sync");
        await discard(first);
        const revived = await revive();
        assert.equal(await shell(revived, "cat /home/app/disk /dev/shm/memory"), "before\nbefore");
        assert.equal(await shell(revived, "kill -0 $(cat /dev/shm/pid) && echo runs"), "runs");
        await rm(moved, { recursive: true });
        await shell(revived, "echo after > /home/app/disk; sync; echo 3 | sudo tee /proc/sys/vm/drop_caches");
        assert.equal(await shell(revived, "cat /home/app/disk"), "after");
        await discard(revived);
      });
    }

    test("stops a machine's processors and lets them go on", async () => {
      const one = await clone();
      await one.vm.pause();
      let answered = false;
      const ping = one.guest.call("ping", {}).then(() => (answered = true));
      await one.vm.console();
      assert.equal(answered, false);
      await one.vm.resume();
      assert.equal(await ping, true);
      await discard(one);
    });

    test("tells whether a machine ended by itself or was killed", async () => {
      const [off, waiting] = await Promise.all([clone(), prepare()]);
      await magicKey(off, "o");
      assert.equal((await off.vm.exited).code, 0);
      await waiting.vm.kill();
      assert.notEqual((await waiting.vm.exited).code, 0);
      await Promise.all([discard(off), discard(waiting)]);
    });

    test("takes over a machine that runs, by its folder, and none that does not", async () => {
      const one = await clone();
      await shell(one, "echo kept > /dev/shm/kept");
      let guest = one.guest;
      let vm: Vm = one.vm;
      // The holder detaches, and the next one takes it over.
      for (let turn = 0; turn < 2; turn++) {
        guest.close();
        await guest.ended;
        vm.release();
        vm = (await engine.adopt(one.dir))!;
        assert.equal(vm.pid, one.vm.pid);
        guest = await connectGuest(vm, RUNNING_HELLO_TIMEOUT_MS);
        assert.equal(await shell({ guest }, "cat /dev/shm/kept"), "kept");
      }
      assert.ok(vm.usage()!.cpuSeconds >= one.vm.usage()!.cpuSeconds - 1);
      await vm.kill();
      await one.vm.exited;
      assert.equal(await engine.adopt(one.dir), null);
      assert.equal(await engine.adopt(join(fixture.runDir, "000000000000")), null);
      await discard({ vm, dir: one.dir, guest });
    });

    test("ends what runs in folders that are doomed, and nothing else", async () => {
      const [doomed, waiting, kept] = await Promise.all([clone(), prepare(), clone()]);
      await engine.sweep(fixture.runDir, (dir) => dir !== kept.dir);
      await Promise.all([doomed.vm.exited, waiting.vm.exited]);
      assert.equal(await shell(kept, "echo fine"), "fine");
      await Promise.all([discard(doomed), discard(waiting), discard(kept)]);
    });
  });
}
