import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { allowDisk, MAX_FILE_BYTES, mostDiskBytes } from "./file-limit.ts";

const GIB = 1024 ** 3;

test("disks that a process gets at the same time may all be written: the largest decides", async () => {
  const limits = `--fsize=${MAX_FILE_BYTES}:${256 * GIB}`;
  const child = spawn("prlimit", [limits, "sleep", "600"], { stdio: "ignore" });
  try {
    await once(child, "spawn");
    const limit = () => Number(/^Max file size\s+(\S+)/m.exec(readFileSync(`/proc/${child.pid}/limits`, "utf8"))![1]);
    while (limit() !== MAX_FILE_BYTES) await new Promise(setImmediate);
    for (let gib = 20; gib <= 200; gib += 10) {
      const sizes = [gib, gib - 3, gib - 6];
      await Promise.all(sizes.map((gib) => allowDisk(child.pid!, gib * GIB)));
      assert.ok(limit() > Math.max(...sizes) * GIB);
    }
  } finally {
    child.kill();
  }
});

test("the largest disk of a server that cannot raise every limit is one that its machines can be given", async () => {
  assert.equal(mostDiskBytes(true), Number.POSITIVE_INFINITY);
  const most = mostDiskBytes(false);
  assert.ok(most > 250 * GIB);
  const child = spawn("prlimit", [`--fsize=${256 * GIB}:${256 * GIB}`, "sleep", "600"], { stdio: "ignore" });
  try {
    await once(child, "spawn");
    const limit = () => Number(/^Max file size\s+(\S+)/m.exec(readFileSync(`/proc/${child.pid}/limits`, "utf8"))![1]);
    while (limit() !== 256 * GIB) await new Promise(setImmediate);
    await allowDisk(child.pid!, most);
    assert.equal(limit(), 256 * GIB);
  } finally {
    child.kill();
  }
});
