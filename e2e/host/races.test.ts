/** Pauses, forks, resumes and disks that are wanted of one machine at once. More rounds with `SANDKEEP_RACE_ROUNDS`. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "@sandkeep/egress/testing";
import { DiskError, ForkError, GuestGone, type Machine } from "@sandkeep/host";
import { OWNER, shell } from "@sandkeep/host/testing";
import { atOnce, type Wish } from "../harness/at-once.ts";
import { HostFixture } from "./fixture.ts";

const ROUNDS = Number(process.env.SANDKEEP_RACE_ROUNDS || 12);
const SEED = 9;
/** How many things are wanted at once. */
const WISHES = 4;
const CAPACITY_BYTES = 32 * 1024 ** 2;
/** Answers to a wish that others prevent. */
const REFUSALS = [ForkError, DiskError, GuestGone];

test("what is wanted of one machine at once is done one after another or refused with the reason, and the machine goes on", async () => {
  await using fixture = await HostFixture.open();
  const { host } = fixture;
  const random = new Random(SEED);
  const specOf = (id: string) => ({ id, owner: OWNER, env: {}, keep: false });
  await host.storage.createVolume({ id: "vol_shared", capacityBytes: CAPACITY_BYTES });
  const disk = { id: "shared", volume: "vol_shared", readOnly: false, mount: "/data" };
  let machine = await fixture.create({ id: "sbx_wanted" });
  await shell(machine, "echo kept > /dev/shm/note");
  for (let round = 0; round < ROUNDS; round++) {
    const children: Machine[] = [];
    let resumed: Machine | undefined;
    const fork = async (id: string) => void children.push(...(await host.fork(machine.id, [specOf(id)])));
    const outcomes = await atOnce(
      random.some<Wish>(WISHES, [
        ["pause", () => host.pause(machine.id)],
        ["pause", () => host.pause(machine.id)],
        ["resume", async () => void (resumed = await host.resume(specOf(machine.id)))],
        ["fork", () => fork(`sbx_a_${round}`)],
        ["fork", () => fork(`sbx_b_${round}`)],
        ["attach", () => machine.attach(disk)],
        ["snapshot", () => machine.snapshotRoot(`snap_${round}`)],
      ]),
    );
    const { done, refusals } = outcomes;
    const told = `round ${round}: ${outcomes}`;
    for (const reason of refusals)
      assert.ok(REFUSALS.some((kind) => reason instanceof kind) && (reason as Error).message.length > 10, told);
    assert.ok(done("pause") <= 1 + done("resume"), told);
    assert.ok(done("attach") === 0 || done("pause") === 0, told);
    for (const child of children) assert.equal(await shell(child, "cat /dev/shm/note"), "kept", told);
    await Promise.all(children.map((child) => child.destroy()));

    const isPaused = done("pause") > done("resume");
    assert.deepEqual(await host.paused(OWNER), isPaused ? [machine.id] : [], told);
    if (isPaused) {
      const attempts = await Promise.allSettled([1, 2, 3].map(() => host.resume(specOf(machine.id))));
      const [one, ...others] = attempts.flatMap((attempt) => (attempt.status === "fulfilled" ? [attempt.value] : []));
      assert.equal(others.length, 0, told);
      machine = one!;
    } else machine = resumed ?? machine;
    if (done("attach") > 0) {
      assert.equal(await shell(machine, "touch /data/x && ls /data"), "lost+found\nx", told);
      await machine.detach(disk.id);
    }
    assert.equal(await shell(machine, "rm -f /data/x; cat /dev/shm/note; findmnt -no TARGET /data"), "kept", told);
    for (const id of await host.storage.list()) if (id !== disk.volume) await host.storage.remove(id);
  }
  await machine.destroy();
  assert.deepEqual(await readdir(join(fixture.dataDir, "paused")), []);
  const findings = await Array.fromAsync(host.storage.verify());
  assert.deepEqual(
    findings.map(({ disk, state }) => `${disk} ${state}`),
    ["vol_shared fine"],
  );
});
