import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { readPaced } from "./paced.ts";

test("a process that prints without end is read no faster than it may, and all of what it prints arrives", async () => {
  const child = spawn("head", ["-c", "1200000", "/dev/zero"], { stdio: ["ignore", "pipe", "ignore"] });
  let read = 0;
  const ended = once(child, "close");
  readPaced(
    child.stdout,
    (text) => (read += text.length),
    // A clock that stands still, however busy this computer is.
    () => 0,
  );
  await once(child.stdout, "pause");
  // The burst, and what was in the last piece.
  assert.ok(read > 1024 * 1024 && read <= 1024 * 1024 + 65_536, String(read));
  await ended;
  assert.equal(read, 1_200_000);
});
