/** The disk that volumes are on is full: who notices, and that nothing else is lost. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { run, shell } from "@sandkeep/host/testing";
import { HostFixture } from "./fixture.ts";

const MIB = 1024 ** 2;
/** Of the file system that volumes are on. */
const SPACE_MIB = 96;

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

/** False if this process cannot do that. */
function withSmallDisk(dataDir: string): boolean {
  const disks = join(dataDir, "disks");
  mkdirSync(disks, { mode: 0o700 });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${SPACE_MIB}m,mode=700`, "none", disks], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
