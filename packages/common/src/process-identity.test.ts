import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { startTicks } from "./process-identity.ts";

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
