/** How often visitors can have sandboxes woken. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { NotWoken } from "@sandkeep/doors";
import { ApiError } from "@sandkeep/protocol";
import type { DoorRecord } from "@sandkeep/store";
import { type DoorHolder, LiveDoor } from "./live-door.ts";
import { type Asleep, Waking } from "./waking.ts";

const MINUTE = 60_000;
const staying = new AbortController().signal;

/** A door of a paused sandbox. */
function doorOf(sandbox: string, organisation = "org_1"): LiveDoor {
  const record: Partial<DoorRecord> = {
    id: `door_${sandbox}`,
    organisation,
    sandbox,
    auth: "none",
    tokenExpiresAt: null,
  };
  return new LiveDoor(record as DoorRecord, `${sandbox}.localhost`);
}

/** Sandboxes whose wakes go on when the test says so. */
class Sleepers implements Asleep {
  readonly begun: string[] = [];
  /** What becomes of wakes. */
  wakes: (id: string) => Promise<void> = async () => {};

  isWoken(): boolean {
    return true;
  }

  publisher(): null {
    return null;
  }

  async wake(id: string): Promise<void> {
    this.begun.push(id);
    await this.wakes(id);
  }
}

/** Why nobody is woken now: when it is worth trying again, seconds. */
async function refusal(waking: Waking, door: LiveDoor): Promise<{ after: number; message: string }> {
  const error: unknown = await waking.wake(door, "192.0.2.1", staying).then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(error instanceof NotWoken, String(error));
  return { after: error.retryAfterS, message: error.message };
}

test("after each attempt that failed, the next one has to wait for longer, until the sandbox runs", async () => {
  const sleepers = new Sleepers();
  let now = 0;
  const waking = new Waking(sleepers, () => now);
  const door = doorOf("sbx_1");
  sleepers.wakes = async () => {
    throw new ApiError("NO_CAPACITY");
  };
  const waits: number[] = [];
  for (let n = 0; n < 9; n++) {
    const { after, message } = await refusal(waking, door);
    assert.match(message, /could not be woken: NO_CAPACITY\./);
    waits.push(after);
    now += after * 1_000 - 1;
    assert.equal((await refusal(waking, door)).after, 1);
    assert.equal(sleepers.begun.length, n + 1, "nobody tries before that");
    now += 1;
  }
  assert.deepEqual(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
  assert.equal((await refusal(waking, door)).after, 300);
  waking.forget("sbx_1");
  assert.equal((await refusal(waking, door)).after, 5);
});

test("a door behind which nothing listens wakes its sandbox less and less often, until something does", async () => {
  const sleepers = new Sleepers();
  let now = 0;
  const waking = new Waking(sleepers, () => now);
  const [door, other] = [doorOf("sbx_1"), doorOf("sbx_1")];
  const waits: number[] = [];
  for (let n = 0; n < 8; n++) {
    await waking.wake(door, "192.0.2.1", staying);
    // A page that reloads itself asks all the time until the sandbox is paused again.
    for (let reloads = 0; reloads < 3; reloads++) waking.dialled(door, { found: false });
    const { after, message } = await refusal(waking, door);
    assert.match(message, /nothing listened/);
    waits.push(after);
    now += after * 1_000;
  }
  assert.deepEqual(
    waits,
    [1, 2, 4, 8, 16, 32, 60, 60].map((minutes) => (minutes * MINUTE) / 1_000),
  );
  await waking.wake(door, "192.0.2.1", staying);
  waking.dialled(door, { found: false });
  // Those who come through another do not have to wait.
  await waking.wake(other, "192.0.2.1", staying);
  waking.dialled(door, { found: true });
  await waking.wake(door, "192.0.2.1", staying);
  waking.dialled(door, { found: false });
  assert.equal((await refusal(waking, door)).after, 60);
});

test("a few of an organisation are woken at once, and none of those for whom nobody waits any more", async () => {
  const sleepers = new Sleepers();
  const { promise: held, resolve: goOn } = Promise.withResolvers<void>();
  sleepers.wakes = () => held;
  const waking = new Waking(sleepers);
  const leaving = new AbortController();
  const visits = [1, 2, 3, 4, 5, 6].map((n) =>
    waking.wake(doorOf(`sbx_${n}`), "192.0.2.1", n === 5 ? leaving.signal : staying),
  );
  const gone = assert.rejects(visits[4]!, { name: "AbortError" });
  visits.push(waking.wake(doorOf("sbx_7", "org_2"), "192.0.2.1", staying));
  await turn();
  assert.deepEqual(sleepers.begun, ["sbx_1", "sbx_2", "sbx_3", "sbx_4", "sbx_7"]);
  leaving.abort();
  await gone;
  goOn();
  await Promise.all(visits.toSpliced(4, 1));
  assert.deepEqual(sleepers.begun.slice(5), ["sbx_6"]);
  // Who comes later is no worse off.
  await waking.wake(doorOf("sbx_5"), "192.0.2.1", staying);
  assert.equal(sleepers.begun.at(-1), "sbx_5");
});

test("who leaves while a sandbox is being paused does not wake it", async () => {
  const sleepers = new Sleepers();
  const waking = new Waking(sleepers);
  const door = doorOf("sbx_1");
  const { promise: pausing, resolve: paused } = Promise.withResolvers<boolean>();
  door.sandbox = { pausing } as unknown as DoorHolder;
  const leaving = new AbortController();
  const visit = waking.wake(door, "192.0.2.1", leaving.signal);
  const gone = assert.rejects(visit, { name: "AbortError" });
  leaving.abort();
  // At once, however long the pause takes.
  await gone;
  door.sandbox = null;
  paused(true);
  await turn();
  assert.deepEqual(sleepers.begun, []);
});
