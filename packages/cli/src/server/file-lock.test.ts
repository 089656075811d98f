import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryDirectory } from "../testing/temporary-directory.ts";
import { takeLock } from "./file-lock.ts";

const dir = temporaryDirectory();

/** A process that takes the lock, says so, and holds it until it is killed. */
async function holder(file: string) {
  const program = `const { takeLock } = await import(${JSON.stringify(new URL("file-lock.ts", import.meta.url).href)});
    await takeLock(${JSON.stringify(file)}, () => true); console.log("held"); setInterval(() => {}, 1000);`;
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", program],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  return child;
}

test("a lock is held by one process, and free again when that one is killed", async () => {
  const file = join(dir, "lock");
  const child = await holder(file);
  let tries = 0;
  assert.equal(await takeLock(file, () => tries++ < 3), undefined, "held by the other");
  const taking = takeLock(file, () => true);
  child.kill("SIGKILL");
  using lock = await taking;
  assert.ok(lock);
});

test("a lock that was given up can be taken again", async () => {
  const file = join(dir, "again");
  for (let i = 0; i < 2; i++) {
    using lock = await takeLock(file, () => true);
    assert.ok(lock);
  }
});
