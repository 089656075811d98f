/** The disk that volumes or machines are on is full: who notices, and that nothing else is lost. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statfsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Machine } from "@sandkeep/host";
import { run, shell } from "@sandkeep/host/testing";
import { HostFixture } from "./fixture.ts";

const MIB = 1024 ** 2;
/** Of the file system that volumes are on. */
const SPACE_MIB = 96;
/** Of the one that machines are on: more than must be free for a new one. */
const PLENTY_MIB = 4_096;
/** Changes what is in the image: that takes no more space in the guest, but on the host. */
const REWRITE = 'sudo dd if=/dev/urandom of="$(readlink -f "$(which deno)")" bs=1M count=1 conv=notrunc,fsync';

test("a full disk is an error in the sandbox that writes and for the snapshot; others go on, nothing is damaged, and freed space is usable again", async (context) => {
  await using fixture = await HostFixture.openOn((dataDir) => mount(join(dataDir, "disks"), SPACE_MIB));
  if (!fixture) return context.diagnostic("only root can mount a file system of a limited size");
  fixture.unmount = () => execFileSync("umount", [join(fixture.dataDir, "disks")]);
  const { host } = fixture;
  const disk = (id: string) => ({ id: id.replaceAll("_", "-"), volume: id, readOnly: false, mount: `/${id}` });
  for (const id of ["vol_full", "vol_other", "vol_spare"])
    await host.storage.createVolume({ id, capacityBytes: 300 * MIB });
  const [full, other] = await Promise.all([
    fixture.create({ disks: [disk("vol_full")] }),
    fixture.create({ disks: [disk("vol_other"), disk("vol_spare")] }),
  ]);
  await shell(full, "echo precious > /vol_full/note; sync /vol_full/note");
  await shell(other, "echo precious > /vol_other/note; dd if=/dev/urandom of=/vol_spare/blob bs=1M count=30; sync");

  const writing = await run(full, "dd", "if=/dev/urandom", "of=/vol_full/blob", "bs=1M", "count=200", "conv=fsync");
  assert.notEqual(writing.code, 0, "the guest is told");
  await assert.rejects(host.storage.createVolume({ id: "vol_late", capacityBytes: 300 * MIB }), { code: "NO_SPACE" });
  for (const volume of ["vol_full", "vol_other"])
    await assert.rejects(host.storage.snapshotVolume(volume, "snap_late"), { code: "NO_SPACE" });
  assert.deepEqual((await host.storage.list()).sort(), ["vol_full", "vol_other", "vol_spare"]);
  // If the kernel could not write the journal, it gives the file system up, and nothing can be read until it is attached again.
  assert.match(
    await shell(full, "cat /vol_full/note 2>&1; echo lives"),
    /^(precious|cat: .*: Input\/output error)\nlives$/,
  );
  assert.equal(await shell(other, "cat /vol_other/note; echo lives"), "precious\nlives");
  const bystander = await fixture.create();
  assert.equal(await shell(bystander, "echo fine > /home/app/note && cat /home/app/note"), "fine");

  // What is removed makes room.
  await other.detach("vol-spare", { force: true });
  await host.storage.remove("vol_spare");
  await full.detach("vol-full", { force: true });
  await full.attach(disk("vol_full"));
  assert.equal(
    await shell(
      full,
      "cat /vol_full/note; rm -f /vol_full/blob; echo more > /vol_full/more && sync && cat /vol_full/more",
    ),
    "precious\nmore",
  );
  await host.storage.snapshotVolume("vol_full", "snap");
  await Promise.all([full.destroy(), other.destroy(), bystander.destroy()]);
  for await (const { disk, state, detail } of host.storage.verify())
    assert.ok(state === "fine" || state === "leak", `${disk}: ${detail}`);
});

test("machines whose host has no space get an error and live on, wait if there is nothing left at all, and write again when there is", async (context) => {
  await using fixture = await HostFixture.openOn((dataDir) => mount(join(dataDir, "run"), PLENTY_MIB));
  if (!fixture) return context.diagnostic("only root can mount a file system of a limited size");
  const runDir = join(fixture.dataDir, "run");
  const filler = join(runDir, "filler");
  fixture.unmount = () => execFileSync("umount", [runDir]);
  const [writer, other] = await Promise.all([fixture.create(), fixture.create()]);
  await shell(writer, "echo precious > note; sync");
  await shell(other, "echo precious > note; sync");

  // Less than machines may use, and more than they write before they are told.
  resize(runDir, usedMiB(runDir) + 700);
  const writing = await run(writer, "sh", "-c", "exec dd if=/dev/urandom of=blob bs=1M conv=fsync 2>&1");
  assert.match(writing.stdout, /No space left on device/);
  assert.notEqual(writing.code, 0);
  await refused(other);
  for (const machine of [writer, other]) assert.equal(await shell(machine, "cat note; echo lives"), "precious\nlives");

  // Nothing is left, not even for what the kernel notes about its own files.
  resize(runDir, usedMiB(runDir) + 16);
  await fill(filler);
  const rewriting = run(writer, "bash", "-c", REWRITE);
  const early = await Promise.race([rewriting, delay(2_000, null)]);
  assert.equal(early, null, "it waits");
  rmSync(filler);
  resize(runDir, PLENTY_MIB);
  assert.equal((await rewriting).code, 0);

  for (const machine of [writer, other]) {
    await shell(machine, "rm -f blob; until echo more > more 2> /dev/null; do sleep 0.1; done; sync");
    assert.equal(await shell(machine, "cat note more; mount | grep -c ' / .*rw'"), "precious\nmore\n1");
  }
  await Promise.all([writer.destroy(), other.destroy()]);
});

/** A file system of a limited size. False if this process cannot mount one. */
function mount(dir: string, mib: number): boolean {
  mkdirSync(dir, { mode: 0o700 });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${mib}m,mode=700`, "none", dir], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function resize(dir: string, mib: number): void {
  execFileSync("mount", ["-o", `remount,size=${mib}m`, dir]);
}

function usedMiB(dir: string): number {
  const { blocks, bfree, bsize } = statfsSync(dir);
  return Math.ceil(((blocks - bfree) * bsize) / MIB);
}

/** Writes a file until there is no space left. */
async function fill(path: string): Promise<void> {
  for (const size of [MIB, 4096])
    for (;;)
      try {
        await writeFile(path, Buffer.alloc(size), { flag: "a" });
      } catch {
        break;
      }
}

/** Waits until a machine can write no more. */
async function refused(machine: Machine): Promise<void> {
  await shell(machine, "while dd if=/dev/zero of=blob bs=64k count=1 conv=fsync 2> /dev/null; do sleep 0.1; done");
}
