import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { silentLogger } from "@sandkeep/common";
import type { RunningMachine } from "../machines/machine.ts";
import { Space } from "./space.ts";

/** A machine that notes what it is told. */
function machine() {
  const told: number[] = [];
  const guest = { call: async (_method: "holdSpace", { forMs }: { forMs: number }) => void told.push(forMs) };
  return { told, guest, as: { guest } as unknown as RunningMachine };
}

/** A disk of which the test says whether it is nearly full. */
function watch(all: RunningMachine[]) {
  const disk = { isLow: false, looks: 0 };
  const isLow = () => {
    disk.looks++;
    return disk.isLow;
  };
  const space = new Space({ runDir: "/run", machines: { all }, log: silentLogger, isLow, lookMs: 1 });
  const look = async () => {
    for (const first = disk.looks; disk.looks < first + 3; ) await delay(1);
  };
  return { disk, look, [Symbol.dispose]: () => space[Symbol.dispose]() };
}

test("machines are told while the disk is nearly full, also those that are new, and once when it is not any more", async (context) => {
  let now = 0;
  context.mock.method(performance, "now", () => now);
  const [one, two] = [machine(), machine()];
  const all = [one.as];
  using watched = watch(all);
  const { disk, look } = watched;
  await look();
  assert.deepEqual(one.told, []);
  disk.isLow = true;
  await look();
  all.push(two.as);
  await look();
  assert.deepEqual([one.told, two.told], [[20_000], [20_000]]);
  now += 6_000;
  await look();
  assert.deepEqual([one.told, two.told], [Array(2).fill(20_000), Array(2).fill(20_000)]);
  disk.isLow = false;
  await look();
  assert.deepEqual([one.told.slice(2), two.told.slice(2)], [[0], [0]]);
});

test("one that does not answer, or does not understand, keeps no other from being told", async () => {
  const [silent, old, other] = [machine(), machine(), machine()];
  let asked = 0;
  silent.guest.call = () => (asked++, new Promise(() => {}));
  old.guest.call = () => Promise.reject(new Error("no such method"));
  using watched = watch([silent.as, old.as, other.as]);
  watched.disk.isLow = true;
  await watched.look();
  assert.deepEqual([asked, other.told], [1, [20_000]]);
  watched.disk.isLow = false;
  await watched.look();
  assert.deepEqual([asked, other.told], [1, [20_000, 0]]);
});
