import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { lockFile } from "./lock.ts";

let dir: string;
let path: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandkeep-lock-"));
  path = join(dir, "lock");
});
after(() => rm(dir, { recursive: true }));

test("a second one waits until the first releases", async () => {
  const order: string[] = [];
  const first = await lockFile(path);
  const waits = Promise.withResolvers<void>();
  const second = lockFile(path, { onWait: waits.resolve }).then((lock) => (order.push("second has it"), lock));
  await waits.promise;
  order.push("first releases");
  await first[Symbol.asyncDispose]();
  await (await second)[Symbol.asyncDispose]();
  assert.deepEqual(order, ["first releases", "second has it"]);
});

test("waiting can be aborted", async () => {
  await using _ = await lockFile(path);
  const controller = new AbortController();
  const waiting = lockFile(path, { signal: controller.signal, onWait: () => controller.abort(new Error("enough")) });
  await assert.rejects(waiting, /enough/);
});

test("a process that is killed leaves no lock", async () => {
  const holder = spawn("flock", [path, "sh", "-c", "echo held; exec sleep 100"], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  await once(holder.stdout, "data");
  const lock = lockFile(path, { onWait: () => process.kill(-holder.pid!, "SIGKILL") });
  await (await lock)[Symbol.asyncDispose]();
});

test("a child with the descriptor holds the lock when we have released it", async () => {
  const lock = await lockFile(path);
  const child = spawn("cat", [], { stdio: ["pipe", "ignore", "inherit", lock.fd] });
  await once(child, "spawn");
  await lock[Symbol.asyncDispose]();
  let waited = false;
  const next = await lockFile(path, {
    onWait: () => {
      waited = true;
      child.stdin!.end();
    },
  });
  await next[Symbol.asyncDispose]();
  assert.ok(waited);
});
