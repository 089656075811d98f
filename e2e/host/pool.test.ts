/** The warm pool with real machines: what waits in it must look as if it had just been made. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { shell } from "@sandkeep/host/testing";
import { HostFixture } from "./fixture.ts";

/** Long, because a pool is not refilled while the processors are busy. */
const PATIENCE_MS = 120_000;

test("a hot machine shows no trace of what it has run", async () => {
  const openedAt = Math.floor(Date.now() / 1_000);
  await using fixture = await HostFixture.open();
  const hot = async () => (await fixture.host.info()).waiting.hot;
  for (const deadline = Date.now() + PATIENCE_MS; (await hot()) === 0; await delay(100))
    assert.ok(Date.now() < deadline, "no clone became hot");
  const first = await fixture.create();
  assert.equal(await hot(), 0, "the first machine is not the hot one");
  const other = await fixture.create();
  for (const { guest } of [first, other]) assert.deepEqual(await guest.call("processList", {}), []);
  const traces = (machine: typeof first) =>
    shell(
      machine,
      `sudo find / -xdev -type f -newermt @${openedAt} ! -path '/proc/*' | sort
       find /home /tmp /var/tmp /dev/shm /run | sort
       ps -u app -o args= | grep -v -e find -e bash -e ps -e grep -e sort
       env | sort; umask; ulimit -a; pwd`,
    );
  const [ofHot, ofWarm] = [await traces(first), await traces(other)];
  assert.match(ofWarm, /^PATH=/m);
  assert.equal(ofHot, ofWarm);
  await Promise.all([first.destroy(), other.destroy()]);
});
