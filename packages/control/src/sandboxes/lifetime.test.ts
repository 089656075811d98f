import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "@sandkeep/protocol";
import { Deadline } from "../deadline.ts";
import { extendedStop, firstStop } from "./lifetime.ts";

const MAX = 30 * 60_000;
const NOW = 1_700_000_000_000;
const refused = (work: () => unknown) =>
  assert.throws(work, (error) => error instanceof ApiError && error.code === "INVALID_TIMEOUT");

test("a first stop time is within the longest life, forgiving a clock that is a minute ahead", () => {
  assert.equal(firstStop({ kind: "session" }, NOW, MAX), null);
  assert.equal(firstStop({ kind: "for", ms: MAX }, NOW, MAX), NOW + MAX);
  assert.equal(firstStop({ kind: "until", stopAtMs: NOW + 5 }, NOW, MAX), NOW + 5);
  assert.equal(firstStop({ kind: "until", stopAtMs: NOW + MAX + 60_000 }, NOW, MAX), NOW + MAX);
  refused(() => firstStop({ kind: "for", ms: MAX + 1 }, NOW, MAX));
  refused(() => firstStop({ kind: "until", stopAtMs: NOW }, NOW, MAX));
  refused(() => firstStop({ kind: "until", stopAtMs: NOW + MAX + 60_001 }, NOW, MAX));
});

test("an extended stop time reaches at most the longest life from now, and is never sooner", () => {
  assert.equal(extendedStop(null, NOW + 10, NOW, MAX), NOW + 10);
  assert.equal(extendedStop(NOW + 5, NOW + 10, NOW, MAX), NOW + 10);
  assert.equal(extendedStop(NOW + 20, NOW + 10, NOW, MAX), NOW + 20);
  assert.equal(extendedStop(NOW + 20, NOW + 2 * MAX, NOW, MAX), NOW + MAX);
  refused(() => extendedStop(NOW + 20, NOW, NOW, MAX));
});

test("a deadline that is further away than a timer reaches does not come at once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW });
  let reached = 0;
  const deadline = new Deadline(() => reached++);
  const days = 60 * 24 * 60 * 60_000;
  deadline.set(NOW + days);
  t.mock.timers.tick(2 ** 31 - 1);
  assert.equal(reached, 0);
  t.mock.timers.tick(days - (2 ** 31 - 1) - 1);
  assert.equal(reached, 0);
  t.mock.timers.tick(1);
  assert.equal(reached, 1);
});

test("a deadline counts by the wall clock: the computer may sleep, and its clock may be set", async (t) => {
  // Each by itself, as they are.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let now = NOW;
  t.mock.method(Date, "now", () => now);
  const HOUR_MS = 60 * 60_000;
  let reached = 0;
  const deadline = new Deadline(() => reached++);
  deadline.set(NOW + HOUR_MS);
  now += 2 * HOUR_MS;
  t.mock.timers.tick(60_000);
  assert.equal(reached, 1);
  deadline.set(now + HOUR_MS);
  now -= HOUR_MS;
  t.mock.timers.tick(HOUR_MS);
  assert.equal(reached, 1);
  deadline.cancel();
});

test("a deadline can be moved and given up", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW });
  let reached = 0;
  const deadline = new Deadline(() => reached++);
  deadline.set(NOW + 10);
  deadline.set(NOW + 100);
  t.mock.timers.tick(50);
  assert.equal(reached, 0);
  deadline.cancel();
  t.mock.timers.tick(100);
  assert.equal(reached, 0);
});
