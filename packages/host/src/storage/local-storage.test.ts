import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { MemoryStorage } from "../testing/memory-storage.ts";
import { storageSuite } from "../testing/storage-suite.ts";
import { createLayer } from "./qcow2.ts";
import { disturbed } from "./testing/disturbed.ts";
import { IMAGE, layerFiles, openStorage } from "./testing/opened-storage.ts";

const root = mkdtempSync(join(tmpdir(), "sk-storage-"));
after(() => rmSync(root, { recursive: true, force: true }));
const newDir = () => mkdtempSync(join(root, "d-"));
const MIB = 1024 ** 2;

storageSuite("on this computer", async () => ({ storage: await openStorage(newDir()), image: IMAGE }));
storageSuite("in memory", async () => ({
  storage: new MemoryStorage([[IMAGE.id, IMAGE.bytes]]),
  image: IMAGE,
}));

const recordOf = (dir: string, id: string) =>
  JSON.parse(readFileSync(join(dir, "disks", "records", `${id}.json`), "utf8")) as {
    layers: string[];
    unclean: boolean;
  };
const layerPath = (dir: string, name: string) => join(dir, "disks", "layers", `${name}.qcow2`);

describe("a volume's files", () => {
  test("have a clean file system that belongs to the user app", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    await storage.createVolume({ id: "vol_1", capacityBytes: 300_000_000 });
    const raw = join(dir, "raw");
    execFileSync("qemu-img", ["convert", "-O", "raw", layerPath(dir, recordOf(dir, "vol_1").layers[0]!), raw]);
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
    execFileSync("e2fsck", ["-fn", raw], { env, stdio: "pipe" });
    const rootInode = execFileSync("debugfs", ["-R", "stat <2>", raw], { env, stdio: "pipe", encoding: "utf8" });
    assert.match(rootInode, /User:\s+1000\s+Group:\s+1000/);
    // Rounded up to whole blocks.
    assert.equal(statSync(raw).size, Math.ceil(300_000_000 / 4096) * 4096);
  });

  test("can be written by the server only, and frozen layers by nobody", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
    await storage.snapshotVolume("vol_1", "snap");
    const [bottom, top] = recordOf(dir, "vol_1").layers.map((name) => lstatSync(layerPath(dir, name)).mode & 0o777);
    assert.deepEqual([bottom, top], [0o444, 0o600]);
    assert.equal(lstatSync(join(dir, "disks", "layers")).mode & 0o077, 0);
  });

  test("share an image's file, which stays when the image is removed", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    const from = { image: IMAGE.id };
    await storage.createVolume({ id: "a", capacityBytes: IMAGE.bytes, from });
    await storage.createVolume({ id: "b", capacityBytes: IMAGE.bytes, from });
    assert.equal(recordOf(dir, "a").layers[0], recordOf(dir, "b").layers[0]);
    assert.equal(layerFiles(dir).length, 3);
    rmSync(join(dir, "root.qcow2"));
    for await (const { state } of storage.verify()) assert.equal(state, "fine");
    await storage.remove("a");
    await storage.remove("b");
    assert.deepEqual(layerFiles(dir), []);
  });

  test("are removed with the last disk that has them, also beside what is made from them meanwhile", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
    await storage.snapshotVolume("vol_1", "snap");
    await storage.remove("vol_1");
    const fork = storage.createVolume({ id: "fork", capacityBytes: 32 * MIB, from: { snapshot: "snap" } });
    await storage.remove("snap");
    await fork;
    for await (const { state } of storage.verify()) assert.equal(state, "fine");
    await storage.remove("fork");
    assert.deepEqual(layerFiles(dir), []);
  });
});

describe("a snapshot of a machine's root", () => {
  const capacityBytes = IMAGE.bytes;
  const freeze = async () => {};
  /** A machine's own layer. */
  const ownLayer = async (dir: string) => {
    const path = join(dir, "own.qcow2");
    await createLayer(path, capacityBytes);
    return path;
  };

  test("has the layers that this storage has under their names, whatever the machine calls them: it may have been paused", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    await storage.createVolume({ id: "vol_1", capacityBytes, from: { image: IMAGE.id } });
    await storage.snapshotVolume("vol_1", "snap_1");
    const { layers } = recordOf(dir, "snap_1");
    const others = layers.map((_, n) => join(dir, `source-${n}.qcow2`));
    for (const [n, name] of layers.entries()) linkSync(layerPath(dir, name), others[n]!);
    const image = () => lstatSync(join(dir, "root.qcow2")).mode;
    const before = image();
    await storage.keepRoot("snap_2", { image: null, layers: [...others, await ownLayer(dir)], capacityBytes, freeze });
    assert.deepEqual(recordOf(dir, "snap_2").layers.slice(0, -1), layers);
    assert.equal(image(), before);
  });

  test("of which a layer is missing is none", async () => {
    const dir = newDir();
    const storage = await openStorage(dir);
    const layers = [layerPath(dir, "0".repeat(32)), await ownLayer(dir)];
    await assert.rejects(storage.keepRoot("snap", { image: null, layers, capacityBytes, freeze }), /is missing/);
    assert.deepEqual(await storage.list(), []);
    assert.deepEqual(layerFiles(dir), []);
  });
});

test("a volume does not become larger than a machine of this host can have it", async () => {
  const dir = newDir();
  const storage = await openStorage(dir, silentLogger, { mostDiskBytes: 64 * MIB });
  await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
  const tooLarge = { code: "TOO_LARGE", message: /at most 67108864/ };
  await assert.rejects(storage.grow("vol_1", 65 * MIB), tooLarge);
  assert.equal((await storage.facts("vol_1")).capacityBytes, 32 * MIB);
  await assert.rejects(storage.createVolume({ id: "vol_2", capacityBytes: 65 * MIB }), tooLarge);
  await storage.grow("vol_1", 64 * MIB);
});

test("a check of all disks keeps none of their layers while nobody reads its results", async () => {
  const dir = newDir();
  const storage = await openStorage(dir);
  await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
  const findings = storage.verify()[Symbol.asyncIterator]();
  assert.equal((await findings.next()).value?.state, "fine");
  await storage.remove("vol_1");
  assert.deepEqual(layerFiles(dir), []);
});

test("a removal that failed at any step is complete once it is repeated", async () => {
  for (let at = 0; ; at++) {
    const dir = newDir();
    const storage = await openStorage(dir);
    await storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
    await storage.createVolume({ id: "vol_2", capacityBytes: 32 * MIB });
    const error = await disturbed("full", at, () => storage.remove("vol_1"));
    await storage.remove("vol_1");
    assert.deepEqual(layerFiles(dir), [`${recordOf(dir, "vol_2").layers[0]}.qcow2`], `step ${at}`);
    if (!error) break;
  }
});

describe("a start", () => {
  test("finds every disk again, and removes files that none has", async () => {
    const dir = newDir();
    const before = await openStorage(dir);
    await before.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
    await before.snapshotVolume("vol_1", "snap");
    const known = layerFiles(dir).sort();
    for (const name of ["0".repeat(32), "unfinished.raw"]) writeFileSync(layerPath(dir, name), "");
    writeFileSync(join(dir, "disks", "records", "vol_2.json.1.tmp"), "{");
    const storage = await openStorage(dir);
    assert.deepEqual((await storage.list()).sort(), ["snap", "vol_1"]);
    assert.deepEqual(layerFiles(dir).sort(), known);
    assert.deepEqual(readdirSync(join(dir, "disks", "records")).sort(), ["snap.json", "vol_1.json"]);
  });

  test("reports a disk whose files are missing, and never removes it", async () => {
    const dir = newDir();
    await (await openStorage(dir)).createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
    rmSync(layerPath(dir, recordOf(dir, "vol_1").layers[0]!));
    const reported: unknown[] = [];
    const storage = await openStorage(dir, { ...silentLogger, error: (fields: unknown) => void reported.push(fields) });
    assert.match(JSON.stringify(reported), /"disk":"vol_1","missing"/);
    assert.deepEqual(await storage.list(), ["vol_1"]);
    const findings = await Array.fromAsync(storage.verify());
    assert.deepEqual(
      findings.map(({ disk, state }) => [disk, state]),
      [["vol_1", "damaged"]],
    );
  });

  test("removes no layer while a record cannot be read, and keeps its id taken", async () => {
    const dir = newDir();
    const before = await openStorage(dir);
    await before.createVolume({ id: "vol_1", capacityBytes: 32 * MIB });
    await before.createVolume({ id: "vol_2", capacityBytes: 32 * MIB });
    const record = join(dir, "disks", "records", "vol_1.json");
    writeFileSync(record, "{");
    const storage = await openStorage(dir);
    assert.equal(layerFiles(dir).length, 2);
    await assert.rejects(storage.facts("vol_1"), { code: "DAMAGED_DISK" });
    await assert.rejects(storage.remove("vol_1"), { code: "DAMAGED_DISK" });
    await assert.rejects(storage.createVolume({ id: "vol_1", capacityBytes: 32 * MIB }), { code: "DISK_EXISTS" });
    assert.equal((await Array.fromAsync(storage.verify()))[0]?.state, "damaged");
    // One that others can write is no better.
    writeFileSync(record, JSON.stringify(recordOf(dir, "vol_2")));
    chmodSync(record, 0o666);
    await assert.rejects((await openStorage(dir)).facts("vol_1"), { code: "DAMAGED_DISK" });
  });
});
