import assert from "node:assert/strict";
import { test } from "node:test";
import { stopRequest } from "./stop-request.ts";

test("SIGTERM ends the sandboxes too, SIGUSR2 keeps those with a timeout", async () => {
  const first = stopRequest({});
  process.kill(process.pid, "SIGTERM");
  assert.deepEqual(await first, { leaveRunning: false, why: "signal" });
  const second = stopRequest({});
  process.kill(process.pid, "SIGUSR2");
  assert.deepEqual(await second, { leaveRunning: true, why: "signal" });
});

test("idle means no machine for long enough, counted from the last one", async () => {
  const counts = [0, 1, 1, 0];
  let looks = 0;
  const started = Date.now();
  const stop = await stopRequest({ idleMs: 1_000, machines: async () => counts[looks++] ?? 0 });
  assert.deepEqual(stop, { leaveRunning: false, why: "idle" });
  assert.ok(looks > counts.length);
  assert.ok(Date.now() - started >= 1_200, "the machine's time does not count");
});
