/** Machines that are paused to disk, and go on later, also in another process of the host. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { OWNER, shell } from "@sandkeep/host/testing";
import { countBeyond, HostFixture, openHost, processesLeft, processesNaming } from "./fixture.ts";

const BEFORE = `
  echo disk > /home/app/note; echo memory > /dev/shm/note
  nohup bash -c 'n=0; while :; do n=$((n + 1)); echo $n > /dev/shm/count; sleep 0.02; done' > /dev/null 2>&1 &
  until [ -s /dev/shm/count ]; do sleep 0.1; done
  cat /etc/machine-id; hostname`;
const AFTER = `
  cat /home/app/note /dev/shm/note
  first=$(cat /dev/shm/count); until [ "$(cat /dev/shm/count)" -gt $((first + 5)) ] 2> /dev/null; do sleep 0.1; done
  cat /etc/machine-id; hostname; date +%s`;

const spec = (id: string) => ({ id, owner: OWNER, keep: false });

test("a paused machine uses no process, and goes on where it was, also after a restart of the host", async () => {
  await using fixture = await HostFixture.open();
  const machine = await fixture.create({ id: "sbx_paused" });
  const [machineId, hostname] = (await shell(machine, BEFORE)).split("\n");
  const usage = (await fixture.host.info()).machines;
  await fixture.host.pause(machine.id);
  assert.deepEqual(await machine.exited, { reason: "paused" });
  assert.equal((await fixture.host.info()).machines, usage - 1);
  assert.deepEqual(await fixture.host.paused(OWNER), ["sbx_paused"]);
  assert.deepEqual(await fixture.host.paused("cp_other"), []);

  await fixture.host.close();
  assert.deepEqual(await processesLeft(`${fixture.dataDir}/`), []);
  fixture.host = await openHost(fixture.dataDir);
  await fixture.host.adopt(OWNER, []);
  assert.deepEqual(await fixture.host.paused(OWNER), ["sbx_paused"]);
  await assert.rejects(fixture.host.resume({ ...spec("sbx_paused"), owner: "cp_other" }), { code: "NOT_PAUSED" });

  let resumed = await fixture.host.resume(spec("sbx_paused"));
  const check = async () => {
    const begun = Date.now() / 1000;
    const [note, memory, id, name, clock] = (await shell(resumed, AFTER)).split("\n");
    assert.deepEqual([note, memory, id, name], ["disk", "memory", machineId, hostname]);
    assert.ok(Number(clock) > begun - 2 && Number(clock) < Date.now() / 1000 + 2, `it is ${clock}`);
  };
  await check();
  assert.deepEqual(await fixture.host.paused(OWNER), []);
  assert.deepEqual(await readdir(join(fixture.dataDir, "paused")), []);

  // Again, and a fork of it, which outlives it.
  await fixture.host.pause("sbx_paused");
  resumed = await fixture.host.resume(spec("sbx_paused"));
  await check();
  const [fork] = await fixture.host.fork("sbx_paused", [{ ...spec("sbx_of_paused"), env: {} }]);
  await resumed.destroy();
  assert.equal(await shell(fork!, "cat /home/app/note"), "disk");
  const [another] = await fixture.host.fork("sbx_of_paused", [{ ...spec("sbx_another"), env: {} }]);
  await fork!.destroy();
  assert.equal(await shell(another!, "cat /dev/shm/note"), "memory");
  await another!.destroy();
});

test("a machine that was resumed from a template that no pool has goes on under the next host", async () => {
  await using fixture = await HostFixture.open();
  const paused = join(fixture.dataDir, "paused");
  const root = { image: fixture.otherImage };
  await shell(await fixture.create({ id: "sbx_other", root, keep: true }), BEFORE);
  await fixture.host.pause("sbx_other");
  await fixture.host.close();
  fixture.host = await openHost(fixture.dataDir);
  await fixture.host.adopt(OWNER, []);
  const resumed = await fixture.host.resume({ ...spec("sbx_other"), keep: true });
  const count = await countBeyond(resumed, 0);
  // Its process names what the next host finds among paused machines, and ends there.
  assert.notEqual((await processesNaming(`${paused}/`)).size, 0);
  await fixture.host.close({ leaveKept: true });
  fixture.host = await openHost(fixture.dataDir);
  const [adopted] = await fixture.host.adopt(OWNER, ["sbx_other"]);
  assert.ok(adopted, "it runs");
  await countBeyond(adopted, count);
  assert.equal(await shell(adopted, "cat /home/app/note"), "disk");
  await adopted.destroy();
});

test("a paused machine can be removed, and only one resumes it", async () => {
  await using fixture = await HostFixture.open();
  const [one, two] = await Promise.all([fixture.create(), fixture.create()]);
  await Promise.all([fixture.host.pause(one.id), fixture.host.pause(two.id)]);
  const attempts = await Promise.allSettled(Array.from({ length: 4 }, () => fixture.host.resume(spec(one.id))));
  const resumed = attempts.filter((attempt) => attempt.status === "fulfilled");
  assert.equal(resumed.length, 1);
  await resumed[0]!.value.destroy();
  await fixture.host.removePaused(two.id);
  await assert.rejects(fixture.host.resume(spec(two.id)), { name: "ForkError", code: "NOT_PAUSED" });
  await assert.rejects(fixture.host.resume(spec("../../etc")), { code: "NOT_PAUSED" });
  assert.deepEqual(await readdir(join(fixture.dataDir, "paused")), []);
});
