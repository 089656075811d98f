import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { test } from "node:test";
import { isRunning, kill, startTicks } from "./process-identity.ts";

test("a process has one identity as long as it lives, whatever it calls itself, and none afterwards", async () => {
  const child = spawn("sh", ["-c", "printf ') Z 1 (' > /proc/self/comm; echo named; exec cat >&2"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  await once(child.stdout!, "data");
  const ticks = startTicks(child.pid!);
  assert.ok(ticks! > 0);
  assert.equal(startTicks(child.pid!), ticks);
  assert.ok(ticks! >= startTicks(process.pid)!);
  child.kill("SIGKILL");
  await once(child, "close");
  assert.equal(startTicks(child.pid!), undefined);
});

test("exactly one process is killed, not another one that has its pid", async () => {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  await once(child, "spawn");
  const identity = { pid: child.pid!, startTicks: startTicks(child.pid!)! };
  const earlier = { ...identity, startTicks: identity.startTicks - 1 };
  kill(earlier);
  assert.deepEqual([isRunning(earlier), isRunning(identity)], [false, true]);
  const ended = once(child, "exit");
  kill(identity);
  await ended;
  kill(identity);
  assert.equal(isRunning(identity), false);
});

for (const code of ["EMFILE", "ENFILE"])
  test(`a process is not taken for ended, nor another one killed, because no descriptor is left to look: ${code}`, async (context) => {
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    await once(child, "spawn");
    const identity = { pid: child.pid!, startTicks: startTicks(child.pid!)! };
    const failing = context.mock.method(fs, "readFileSync", () => {
      throw Object.assign(new Error("too many open files"), { code });
    });
    syncBuiltinESMExports();
    try {
      assert.throws(() => startTicks(identity.pid), { code });
      assert.equal(isRunning(identity), true);
      assert.throws(() => kill(identity), { code });
      assert.equal(child.killed, false);
    } finally {
      failing.mock.restore();
      syncBuiltinESMExports();
    }
    const ended = once(child, "exit");
    kill(identity);
    await ended;
    assert.equal(isRunning(identity), false);
  });
