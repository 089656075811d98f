import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, test } from "node:test";
import { layerFiles, openStorage } from "./testing/opened-storage.ts";

const root = mkdtempSync(join(tmpdir(), "sk-transfer-"));
after(() => rmSync(root, { recursive: true, force: true }));
const MIB = 1024 ** 2;
const SPEC = { id: "copy", capacityBytes: 32 * MIB, bootable: false };

/** A storage with a volume of three layers, whose content comes from all of them, and a snapshot of it. */
async function open() {
  const dir = mkdtempSync(join(root, "d-"));
  const storage = await openStorage(dir);
  const layersOf = (id: string) =>
    (JSON.parse(readFileSync(join(dir, "disks", "records", `${id}.json`), "utf8")) as { layers: string[] }).layers.map(
      (name) => join(dir, "disks", "layers", `${name}.qcow2`),
    );
  await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
  for (const [n, id] of ["s1", "s2", "snap"].entries()) {
    // As a machine would.
    qemuIo(layersOf("vol_1").at(-1)!, `write -P ${n + 1} ${10 + n}M 2M`);
    await storage.snapshotVolume("vol_1", id);
  }
  return { dir, storage, layersOf };
}

const qemuIo = (file: string, ...commands: string[]) =>
  execFileSync("qemu-io", ["-f", "qcow2", ...commands.flatMap((command) => ["-c", command]), file], {
    encoding: "utf8",
    stdio: "pipe",
  });
const fileOf = (content: Buffer) => ({
  bytes: content.length,
  data: Readable.from([content], { objectMode: false }),
});

test("an exported snapshot has what all its layers have together, and needs no other file", async () => {
  const { dir, storage, layersOf } = await open();
  const before = layerFiles(dir).sort();
  const { bytes, data } = await storage.exportSnapshot("snap");
  assert.deepEqual(layerFiles(dir).sort(), before);
  const content = await buffer(data);
  assert.equal(content.length, bytes);
  assert.ok(bytes < 12 * MIB, `${bytes}`);
  await storage.importVolume(SPEC, fileOf(content));
  for (const id of ["s1", "s2", "snap", "vol_1"]) await storage.remove(id);
  const [copy, ...others] = layersOf("copy");
  assert.deepEqual(others, []);
  assert.equal(statSync(copy!).mode & 0o777, 0o600);
  // Each layer's own, and what the next one has written over it.
  const read = qemuIo(copy!, "read -P 1 10M 1M", "read -P 2 11M 1M", "read -P 3 12M 2M", "read -P 0 20M 1M");
  assert.ok(!/failed/.test(read), read);
  for await (const { state } of storage.verify()) assert.equal(state, "fine");
});

test("who gives up an export, or does not read it, leaves nothing", async () => {
  const { dir, storage } = await open();
  const before = layerFiles(dir).sort();
  const leaving = AbortSignal.abort(new Error("the client is gone"));
  await assert.rejects(storage.exportSnapshot("snap", leaving), /the client is gone/);
  const { data } = await storage.exportSnapshot("snap");
  data.destroy();
  assert.deepEqual(layerFiles(dir).sort(), before);
});

test("a layer that a taken-over machine has prepared is not followed anywhere", async () => {
  const { dir, storage, layersOf } = await open();
  const top = layersOf("snap").at(-1)!;
  chmodSync(top, 0o600);
  execFileSync("qemu-img", ["rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/hostname", top]);
  const before = layerFiles(dir).sort();
  await assert.rejects(storage.exportSnapshot("snap"), { code: "DAMAGED_DISK", message: /backing file/ });
  assert.deepEqual(layerFiles(dir).sort(), before);
});

test("a layer of which a taken-over machine says that it has one cluster many times is not written many times", async () => {
  const { dir, storage, layersOf } = await open();
  await storage.createVolume({ id: "forged", capacityBytes: 256 * MIB });
  const path = layersOf("forged")[0]!;
  qemuIo(path, "write -P 7 0 64k");
  const content = readFileSync(path);
  // The first table of clusters, of which every entry becomes the first one.
  const table = Number(content.readBigUInt64BE(Number(content.readBigUInt64BE(40))) & ((1n << 56n) - 512n));
  const first = content.readBigUInt64BE(table) & ((1n << 56n) - 512n);
  for (let cluster = 0; cluster < (256 * MIB) / 65_536; cluster++) content.writeBigUInt64BE(first, table + 8 * cluster);
  writeFileSync(path, content);
  await storage.snapshotVolume("forged", "forged_1");
  const before = layerFiles(dir).sort();
  await assert.rejects(storage.exportSnapshot("forged_1"), /could not merge layers/);
  assert.deepEqual(layerFiles(dir).sort(), before);
});

test("an imported file is refused if it names another file, has another size, or is damaged", async () => {
  const { dir, storage } = await open();
  const before = layerFiles(dir).sort();
  const crafted = (options: string[], size = "32M") => {
    const path = join(dir, "crafted.qcow2");
    rmSync(path, { force: true });
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...options, path, size]);
    return readFileSync(path);
  };
  const external = join(dir, "external.raw");
  const damaged = crafted([]);
  // The table of clusters is far beyond the end of the file.
  damaged.writeBigUInt64BE(1n << 40n, 40);
  for (const content of [
    crafted(["-b", "/etc/hostname", "-F", "raw"]),
    crafted(["-o", `data_file=${external}`]),
    crafted(["-o", "compat=0.10"]),
    crafted([], "64M"),
    damaged,
    Buffer.from("#!/bin/sh\n"),
  ])
    await assert.rejects(storage.importVolume(SPEC, fileOf(content)), { code: "INVALID_FILE" });
  const fine = crafted([]);
  const lying = { bytes: 33 * MIB * 1024, data: fileOf(fine).data };
  await assert.rejects(storage.importVolume(SPEC, lying), { code: "INVALID_FILE", message: /more than such a disk/ });
  assert.deepEqual(layerFiles(dir).sort(), before);
  await storage.importVolume(SPEC, fileOf(fine));
});

test("what does not fit on the disk is refused before it is written", async () => {
  const { dir, storage } = await open();
  const before = layerFiles(dir).sort();
  let read = false;
  const data = Readable.from(
    (async function* () {
      read = true;
      yield Buffer.alloc(1);
    })(),
    { objectMode: false },
  );
  const huge = { ...SPEC, capacityBytes: 2 ** 43 };
  await assert.rejects(storage.importVolume(huge, { bytes: 2 ** 43, data }), { code: "NO_SPACE", message: /needs/ });
  assert.equal(read, false);
  assert.deepEqual(layerFiles(dir).sort(), before);
});
