/** Operations on disks at the same time, and those that fail half-way. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { checkCapacity } from "./arguments.ts";
import { makeFolder } from "./folders.ts";
import { createFormattedLayer } from "./qcow2.ts";
import { disturbed } from "./testing/disturbed.ts";
import { IMAGE, layerFiles, layerPath, openStorage, recordOf } from "./testing/opened-storage.ts";

const root = mkdtempSync(join(tmpdir(), "sk-races-"));
after(() => rmSync(root, { recursive: true, force: true }));
const newDir = () => mkdtempSync(join(root, "d-"));
const MIB = 1024 ** 2;
const fromImage = { capacityBytes: IMAGE.bytes, from: { image: IMAGE.id } };

test("a volume of an image has the image's layer, also if the last one before it is just being removed", async () => {
  const dir = newDir();
  const storage = await openStorage(dir);
  for (let round = 0; round < 30; round++) {
    await storage.createVolume({ id: "old", ...fromImage });
    const removal = storage.remove("old");
    for (let turn = 0; turn < round % 15; turn++) await setImmediate();
    await Promise.all([removal, storage.createVolume({ id: "new", ...fromImage })]);
    for (const name of recordOf(dir, "new").layers) assert.ok(existsSync(layerPath(dir, name)), `round ${round}`);
    await storage.remove("new");
  }
  assert.deepEqual(layerFiles(dir), []);
});

test("disks can be checked by several at the same time, and while machines get them", async () => {
  const dir = newDir();
  const storage = await openStorage(dir);
  const ids = ["a", "b", "c"];
  for (const id of ids) await storage.createVolume({ id, capacityBytes: 32 * MIB });
  await storage.snapshotVolume("a", "snap");
  const owners = () => layerFiles(dir).map((name) => statSync(join(dir, "disks", "layers", name)).uid);
  const before = owners();
  const live = { depth: async () => 1, addLayer: async () => {}, resize: async () => {} };
  const attach = (id: string) => storage.attach(id, { machine: "sbx", readOnly: false, open: async () => live });
  const [one, other] = await Promise.all([
    Array.fromAsync(storage.verify()),
    Array.fromAsync(storage.verify()),
    ...ids.map(attach),
  ]);
  for (const { state, detail } of [...one, ...other]) assert.ok(state === "fine" || state === "busy", detail);
  assert.deepEqual(owners(), before);
});

test("disks that are made and removed during a check leave no findings", async () => {
  const storage = await openStorage(newDir());
  for (let round = 0; round < 10; round++) {
    const create = storage.createVolume({ id: "vol", capacityBytes: 32 * MIB });
    for (let turn = 0; turn < round; turn++) await setImmediate();
    const [findings] = await Promise.all([Array.fromAsync(storage.verify()), create]);
    const [others] = await Promise.all([Array.fromAsync(storage.verify()), storage.remove("vol")]);
    for (const { disk, state, detail } of [...findings, ...others])
      assert.ok(disk === "vol" && state === "fine", detail);
  }
});

test("whoever removes a snapshot that is being made removes it", async () => {
  const dir = newDir();
  const storage = await openStorage(dir);
  await storage.createVolume({ id: "vol", capacityBytes: 32 * MIB });
  const snapshot = storage.snapshotVolume("vol", "snap");
  await Promise.all([snapshot, storage.remove("snap")]);
  assert.deepEqual(await storage.list(), ["vol"]);
  const volume = storage.createVolume({ id: "other", capacityBytes: 32 * MIB });
  await Promise.all([volume, storage.remove("other")]);
  assert.deepEqual(await storage.list(), ["vol"]);
  assert.equal(layerFiles(dir).length, 2);
});

test("a volume that cannot be made leaves no layer of its image", async () => {
  const dir = newDir();
  const storage = await openStorage(dir);
  let failed = 0;
  for (let at = 0; ; at++) {
    const error = await disturbed("full", at, () => storage.createVolume({ id: "vol", ...fromImage }));
    if (!error) break;
    failed++;
    // The last step fails after the volume is there.
    for (const id of await storage.list()) await storage.remove(id);
    assert.deepEqual(layerFiles(dir), [], `step ${at}`);
  }
  assert.ok(failed > 3);
});

test("a volume that is larger than any file is refused, and nothing stays open", async () => {
  const storage = await openStorage(newDir());
  const tooLarge = { name: "DiskError", code: "INVALID_DISK" };
  await assert.rejects(storage.createVolume({ id: "vol", capacityBytes: 2 ** 44 }), tooLarge);
  checkCapacity("vol", 2 ** 44 - 4096);
  const open = () => readdirSync("/proc/self/fd").length;
  const before = open();
  // Larger than any file can be, wherever this runs.
  for (let n = 0; n < 3; n++)
    await assert.rejects(createFormattedLayer(join(newDir(), "layer"), 2 ** 60), { code: "ERR_OUT_OF_RANGE" });
  assert.equal(open(), before);
});

test("a folder for disks, and those that it is in, are on disk before anything is in them", async () => {
  const dir = newDir();
  const path = (step: number) => join(dir, String(step), "disks", "layers");
  let steps = 0;
  while (await disturbed("full", steps, () => makeFolder(path(steps)))) steps++;
  // Making the folders; then, for each of three, opening the one that it is in and waiting for that.
  assert.equal(steps, 1 + 2 * 3);
  assert.equal(statSync(path(steps)).mode & 0o777, 0o700);
});

test("an interrupted check leaves a volume that is the server's again after the next start", async (context) => {
  if (process.getuid!() !== 0) return context.skip("only root gives files to other users");
  const dir = newDir();
  const storage = await openStorage(dir);
  await storage.createVolume({ id: "vol", capacityBytes: 32 * MIB });
  const path = layerPath(dir, recordOf(dir, "vol").layers[0]!);
  chownSync(path, 1_879_048_192, 1_879_048_192);
  chmodSync(path, 0o600);
  await openStorage(dir);
  assert.equal(statSync(path).uid, 0);
});
