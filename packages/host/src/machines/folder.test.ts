import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { disturbed } from "../storage/testing/disturbed.ts";
import { createFolder, readRecord, removeFolder, writeRecord } from "./folder.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-folder-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const record = {
  id: "sbx_1",
  owner: "cp_1",
  memoryMiB: 1_280,
  keep: true,
  root: null,
  disks: [],
  meter: null,
  from: null,
};
const victim = join(dir, "victim");

test("a record is written and read, for its owner only", async () => {
  const folder = createFolder(dir);
  await writeRecord(folder, record);
  assert.deepEqual(await readRecord(folder), record);
  assert.equal(statSync(join(folder, "machine.json")).mode & 0o777, 0o600);
});

test("a link in the place of a record is not followed, neither to write nor to read", async () => {
  const folder = createFolder(dir);
  writeFileSync(victim, '{"id":"sbx_other","memoryMiB":1280,"keep":true}', { mode: 0o600 });
  symlinkSync(victim, join(folder, "machine.json"));
  assert.equal(await readRecord(folder), null);
  await writeRecord(folder, record);
  assert.match(readFileSync(victim, "utf8"), /sbx_other/);
  assert.equal((await readRecord(folder))?.id, "sbx_1");
});

test("what others may write is not believed, nor what stands in a folder that they may look into", async () => {
  const folder = createFolder(dir);
  await writeRecord(folder, record);
  for (const mode of [0o620, 0o602]) {
    chmodSync(join(folder, "machine.json"), mode);
    assert.equal(await readRecord(folder), null, mode.toString(8));
  }
  chmodSync(join(folder, "machine.json"), 0o600);
  chmodSync(folder, 0o770);
  assert.equal(await readRecord(folder), null);
  chmodSync(folder, 0o700);
  assert.notEqual(await readRecord(folder), null);
});

test("garbage and long files are no records", async () => {
  const folder = createFolder(dir);
  for (const text of ["", "{", "[]", '{"id":1}', "x".repeat(100_000)]) {
    writeFileSync(join(folder, "machine.json"), text, { mode: 0o600 });
    assert.equal(await readRecord(folder), null);
  }
});

test("a record that cannot be opened now may be one, unlike that of a folder that is gone", async () => {
  const folder = createFolder(dir);
  await writeRecord(folder, record);
  assert.match(String(await disturbed("full", 0, () => readRecord(folder))), /machine in .* cannot be read/);
  assert.deepEqual(await readRecord(folder), record);
  await removeFolder(folder);
  assert.equal(await readRecord(folder), null);
});

test("a record of a former version, which knew one owner and counted nothing, is read", async () => {
  const folder = createFolder(dir);
  writeFileSync(join(folder, "machine.json"), '{"id":"sbx_1","memoryMiB":1280,"keep":true}', { mode: 0o600 });
  assert.deepEqual(await readRecord(folder), { ...record, owner: null });
});

test("a folder to which last files are being written is removed", async () => {
  const folder = createFolder(dir);
  const removing = removeFolder(folder);
  for (let n = 0; n < 50; n++) await writeFile(join(folder, `late-${n}`), "").catch(() => {});
  await removing;
  assert.equal(existsSync(folder), false);
});
