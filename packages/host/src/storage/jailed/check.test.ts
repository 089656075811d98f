/** Checks of layers that a machine has made as bad for them as it could. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { JailKind } from "@sandkeep/jail";
import { lockLayer } from "../testing/opened-storage.ts";
import { checkLayer } from "./check.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-check-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const MIB = 1024 ** 2;
const CLUSTER = 65_536;
/** What one table of data's places stands for. */
const TABLE_BYTES = CLUSTER * (CLUSTER / 8);
let count = 0;

function layer(bytes: number): string {
  const path = join(dir, `${count++}.qcow2`);
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, String(bytes)]);
  return path;
}

function changed(path: string, change: (content: Buffer) => Buffer | void): string {
  const content = readFileSync(path);
  writeFileSync(path, change(content) ?? content);
  return path;
}

/** A layer of a large device whose tables are all the same one, in a small file. */
function slowLayer(tables: number): string {
  return changed(layer(MIB), (content) => {
    const table = Math.ceil(content.length / CLUSTER) * CLUSTER;
    const top = Buffer.alloc(Math.ceil((tables * 8) / CLUSTER) * CLUSTER);
    for (let n = 0; n < tables; n++) top.writeBigUInt64BE(BigInt(table) | (1n << 63n), n * 8);
    const whole = Buffer.concat([content, Buffer.alloc(table + CLUSTER - content.length), top]);
    whole.writeBigUInt64BE(BigInt(tables * TABLE_BYTES), 24);
    whole.writeUInt32BE(tables, 36);
    whole.writeBigUInt64BE(BigInt(table + CLUSTER), 40);
    return whole;
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Processes with this word in their command line. */
function running(word: string): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/cmdline`).includes(word));
}

/** Whether a process is a `qemu-img` of this test's: of this layer, or this process's child. */
function checks(pid: string, path: string): boolean {
  const words = read(`/proc/${pid}/cmdline`).split("\0");
  const parent = /^PPid:\s*(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1];
  return words[0] === "qemu-img" && (words.some((word) => word.includes(path)) || Number(parent) === process.pid);
}

/** The process that checks a layer, once it runs. */
async function checkOf(path: string): Promise<string> {
  while (true) {
    const pid = running("qemu-img").find((pid) => checks(pid, path));
    if (pid) return pid;
    await delay(5);
  }
}

for (const jail of ["full", "minimal"] satisfies JailKind[]) {
  test(`a check that takes too long is ended, with its process: ${jail} jail`, async () => {
    // Hours, and the process still runs if nobody ends it.
    const path = slowLayer(4_000_000);
    const { state, detail } = await checkLayer(path, { jail, mostBytes: 2 ** 53, timeoutMs: 500 });
    assert.equal(state, "unknown");
    assert.match(detail, /ended/);
    while (running(path).length > 0) await delay(5);
  });

  test(`a layer with which a check crashes is damaged: ${jail} jail`, async () => {
    const path = slowLayer(4_000_000);
    const checking = checkLayer(path, { jail, mostBytes: 2 ** 53 });
    process.kill(Number(await checkOf(path)), "SIGSEGV");
    assert.equal((await checking).state, "damaged");
  });

  test(`a layer whose check would write more than it may is not damaged for that: ${jail} jail`, async () => {
    const path = slowLayer(4_000_000);
    const checking = checkLayer(path, { jail, mostBytes: 2 ** 53 });
    process.kill(Number(await checkOf(path)), "SIGXFSZ");
    assert.equal((await checking).state, "unknown");
  });

  test(`a layer that only the server can read is checked, and is as before: ${jail} jail`, async () => {
    const path = layer(MIB);
    chmodSync(path, 0o600);
    const before = statSync(path);
    for (const repair of [false, true])
      assert.equal((await checkLayer(path, { jail, mostBytes: MIB, repair })).state, "clean");
    const left = statSync(path);
    assert.deepEqual([left.mode, left.uid, left.gid], [before.mode, before.uid, before.gid]);
  });
}

describe("without looking further, a layer is refused", () => {
  const jail = "full";
  for (const [what, change] of [
    ["with tables for more than its device", (content) => void content.writeUInt32BE(2, 36)],
    ["of a device that is larger than its disk", (content) => void content.writeBigUInt64BE(BigInt(2 * MIB), 24)],
    ["with small clusters", (content) => void content.writeUInt32BE(9, 20)],
    ["with large reference counts", (content) => void content.writeUInt32BE(6, 96)],
    ["with snapshots of its own", (content) => void content.writeUInt32BE(1, 60)],
    ["with a backing file", (content) => void content.writeBigUInt64BE(200n, 8)],
  ] as [string, (content: Buffer) => void][]) {
    test(what, async () => {
      const path = changed(layer(MIB), change);
      for (const repair of [false, true])
        assert.equal((await checkLayer(path, { jail, mostBytes: MIB, repair })).state, "damaged");
    });
  }
});

test("a file that has another name, such as an image, is not repaired and not touched", async () => {
  const path = layer(MIB);
  chmodSync(path, 0o644);
  linkSync(path, `${path}.image`);
  const before = statSync(path, { bigint: true }).ctimeNs;
  await assert.rejects(checkLayer(path, { jail: "full", mostBytes: MIB, repair: true }), /several names/);
  assert.equal((await checkLayer(path, { jail: "full", mostBytes: MIB })).state, "clean");
  assert.equal(statSync(path, { bigint: true }).ctimeNs, before);
});

test("a layer that never changes is checked although others have locked it", async () => {
  const path = layer(MIB);
  chmodSync(path, 0o444);
  await using _holder = await lockLayer(path);
  assert.equal((await checkLayer(path, { jail: "full", mostBytes: MIB, frozen: true })).state, "clean");
  assert.equal((await checkLayer(path, { jail: "full", mostBytes: MIB })).state, "unknown");
});
