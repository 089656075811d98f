import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { lockFile, tryLockFile } from "./lock.ts";

const dir = mkdtempSync(join(tmpdir(), "sandkeep-lock-"));
after(() => rmSync(dir, { recursive: true }));
let count = 0;
const newPath = () => join(dir, String(count++));

/** A process that takes the lock, reports that, and holds it until it is killed. */
async function holder(path: string): Promise<ChildProcess> {
  const program = `
    const { lockFile } = await import(${JSON.stringify(new URL("lock.ts", import.meta.url).href)});
    globalThis.lock = await lockFile(${JSON.stringify(path)});
    console.log("held");
    setInterval(() => {}, 1_000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(child.stdout!, "data");
  return child;
}

test("a lock is held once, within a process too, and can be taken again when released", async () => {
  const path = newPath();
  for (let round = 0; round < 2; round++) {
    using lock = await tryLockFile(path);
    assert.ok(lock);
    assert.equal(await tryLockFile(path), null);
  }
});

test("the file is created for its owner only, and stays", async () => {
  const path = newPath();
  (await lockFile(path))[Symbol.dispose]();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("a lock that another process holds is free when that process is killed", async () => {
  const path = newPath();
  const child = await holder(path);
  assert.equal(await tryLockFile(path), null);
  using lock = await lockFile(path, { onWait: () => child.kill("SIGKILL") });
  assert.ok(lock);
});

test("whoever waits gets the lock when it is released", async () => {
  const path = newPath();
  const order: string[] = [];
  const first = await lockFile(path);
  const waits = Promise.withResolvers<void>();
  const second = lockFile(path, { onWait: waits.resolve }).then((lock) => (order.push("second has it"), lock));
  await waits.promise;
  order.push("first releases");
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  assert.deepEqual(order, ["first releases", "second has it"]);
});

test("of several that wait, one at a time holds it", async () => {
  const path = newPath();
  let holders = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      using _ = await lockFile(path);
      most = Math.max(most, ++holders);
      await new Promise(setImmediate);
      holders--;
    }),
  );
  assert.equal(most, 1);
});

test("waiting can be aborted, and leaves the lock to others", async () => {
  const path = newPath();
  const first = await lockFile(path);
  const controller = new AbortController();
  const reason = new Error("no longer wanted");
  await assert.rejects(
    lockFile(path, { signal: controller.signal, onWait: () => setImmediate(() => controller.abort(reason)) }),
    reason,
  );
  await assert.rejects(lockFile(path, { signal: controller.signal }), reason);
  first[Symbol.dispose]();
  using lock = await tryLockFile(path);
  assert.ok(lock);
});

test("a child with the descriptor holds the lock when we have released it", async () => {
  const path = newPath();
  const lock = await lockFile(path);
  const child = spawn("cat", [], { stdio: ["pipe", "ignore", "inherit", lock.fd] });
  await once(child, "spawn");
  lock[Symbol.dispose]();
  assert.equal(await tryLockFile(path), null);
  using next = await lockFile(path, { onWait: () => child.stdin!.end() });
  assert.ok(next);
});

test("a child without the descriptor does not", async () => {
  const path = newPath();
  const lock = await lockFile(path);
  const child = spawn("cat", [], { stdio: ["pipe", "ignore", "inherit"] });
  await once(child, "spawn");
  lock[Symbol.dispose]();
  using next = await tryLockFile(path);
  assert.ok(next);
  child.stdin!.end();
});

test("releasing twice leaves alone what has the descriptor's number by then", async () => {
  const first = await lockFile(newPath());
  first[Symbol.dispose]();
  const path = newPath();
  using second = await lockFile(path);
  assert.ok(second.fd > 0);
  first[Symbol.dispose]();
  assert.equal(await tryLockFile(path), null);
});

test("failures say what cannot be locked, and close the file", async () => {
  const before = readdirSync("/proc/self/fd").length;
  await assert.rejects(lockFile(join(dir, "missing", "lock")), { code: "ENOENT" });
  const path = process.env.PATH;
  try {
    process.env.PATH = dir;
    await assert.rejects(lockFile(newPath()), /cannot be locked because the program flock is missing/);
    symlinkSync("/bin/false", join(dir, "flock"));
    const broken = newPath();
    await assert.rejects(tryLockFile(broken), new RegExp(`^Error: ${broken} cannot be locked: flock ended with 1`));
  } finally {
    process.env.PATH = path;
  }
  assert.equal(readdirSync("/proc/self/fd").length, before);
});
