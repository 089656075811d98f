/** The disk that volumes or machines are on is full: who notices, and that nothing else is lost. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { OWNER, run, shell } from "@sandkeep/host/testing";
import { HostFixture } from "./fixture.ts";

const MIB = 1024 ** 2;
/** Of the file system that volumes are on. */
const SPACE_MIB = 96;
/** Of the file system that machines are on: more than must be free for a new one. */
const MACHINES_SPACE_MIB = 4096;
/** What every operation says that the full disk prevents. */
const NO_SPACE = /ENOSPC|[Nn]o space|full|free space/;

test("a full disk is an error in the sandbox that writes and for the snapshot; others go on, nothing is damaged, and freed space is usable again", async (context) => {
  await using fixture = await HostFixture.openOn(withSmallDisk);
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

test("a machine whose disk is full is neither forked nor paused, and goes on; with space, it is", async (context) => {
  await using fixture = await HostFixture.openOn((dataDir) => mountMemory(dataDir, MACHINES_SPACE_MIB));
  if (!fixture) return context.diagnostic("only root can mount a file system of a limited size");
  const { host, dataDir } = fixture;
  fixture.unmount = () => execFileSync("umount", [dataDir]);
  const spec = (id: string) => ({ id, owner: OWNER, env: {}, keep: false });
  const [parent, other] = await Promise.all([fixture.create({ id: "sbx_parent" }), fixture.create()]);
  await shell(parent, "echo precious > /home/app/note; sync; echo memory > /dev/shm/note");
  await shell(parent, "(n=0; while :; do n=$((n + 1)); echo $n > /dev/shm/count; sleep 0.02; done) > /dev/null 2>&1 &");
  const counts =
    'first=$(cat /dev/shm/count); until [ "$(cat /dev/shm/count)" -gt "$first" ]; do sleep 0.05; done; cat /home/app/note';

  resize(dataDir, used(dataDir));
  for (let attempt = 0; attempt < 2; attempt++) {
    await assert.rejects(host.fork(parent.id, [spec("sbx_late"), spec("sbx_later")]), NO_SPACE);
    assert.equal(await shell(parent, counts), "precious", "after a fork");
    await assert.rejects(host.pause(parent.id), NO_SPACE);
    assert.equal(await shell(parent, counts), "precious", "after a pause");
    await assert.rejects(parent.snapshotRoot("snap"), NO_SPACE);
    assert.equal(await shell(parent, counts), "precious", "after a snapshot");
  }
  assert.deepEqual(await host.paused(OWNER), []);
  assert.equal((await host.info()).machines, 2);
  const writing = await run(other, "dd", "if=/dev/urandom", "of=/home/app/blob", "bs=1M", "count=64", "conv=fsync");
  assert.notEqual(writing.code, 0, "the guest is told");
  assert.equal(await shell(parent, counts), "precious", "after another machine's error");

  resize(dataDir, MACHINES_SPACE_MIB * MIB);
  const [child] = await host.fork(parent.id, [spec("sbx_child")]);
  assert.equal(await shell(child!, "cat /home/app/note /dev/shm/note"), "precious\nmemory");
  await host.pause(parent.id);
  const resumed = await host.resume(spec(parent.id));
  assert.equal(await shell(resumed, counts), "precious");
  assert.equal(await shell(await fixture.create(), "echo fine > /home/app/note && cat /home/app/note"), "fine");
});

/** Mounts a small file system for volumes. False if this process cannot do that. */
function withSmallDisk(dataDir: string): boolean {
  const disks = join(dataDir, "disks");
  mkdirSync(disks, { mode: 0o700 });
  return mountMemory(disks, SPACE_MIB);
}

/** False if this process cannot do that. */
function mountMemory(path: string, sizeMiB: number): boolean {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeMiB}m,mode=700`, "none", path], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Bytes in use on a file system. */
function used(path: string): number {
  const { blocks, bfree, bsize } = statfsSync(path);
  return (blocks - bfree) * bsize;
}

/** Makes a file system as small as what is on it, or larger again. */
function resize(path: string, bytes: number): void {
  execFileSync("mount", ["-o", `remount,size=${bytes}`, path]);
}
