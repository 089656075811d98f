import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { ending } from "./ending.ts";
import { untilGone } from "./testing/until-gone.ts";

test("a process that is left behind, with the descriptors of the one that exited, is killed", async () => {
  const child = spawn("sh", ["-c", "sleep 600 & echo $!; wait"], { stdio: ["ignore", "pipe", "pipe"] });
  let rest = 0;
  const ended = ending(child, () => process.kill(rest, "SIGKILL"));
  rest = Number(String((await once(child.stdout, "data"))[0]));
  child.kill("SIGKILL");
  assert.equal(await ended, "it ended with SIGKILL");
  assert.equal(child.stdout.destroyed && child.stderr.destroyed, true);
  await untilGone(rest);
});

test("one that leaves nothing behind ends at once, and nothing else is killed", async () => {
  const child = spawn("sh", ["-c", "exit 3"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.resume();
  child.stderr.resume();
  assert.equal(await ending(child, () => assert.fail("there is nothing left")), "it ended with code 3");
});
