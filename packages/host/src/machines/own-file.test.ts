import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { layout } from "../layout.ts";
import { createFolder, readRecord, writeRecord } from "./folder.ts";
import { readOwnFile, writeOwnFile } from "./own-file.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-own-"));
after(() => rmSync(dir, { recursive: true, force: true }));
const victim = join(dir, "victim");

test("a record is written and read, for its owner only", async () => {
  const folder = createFolder(dir);
  await writeRecord(folder, { id: "sbx_1", memoryMiB: 1_280, keep: true });
  assert.deepEqual(await readRecord(folder), { id: "sbx_1", memoryMiB: 1_280, keep: true });
  assert.equal(statSync(join(folder, "machine.json")).mode & 0o777, 0o600);
});

test("a link in the place of a record is not followed, neither to write nor to read", async () => {
  const folder = createFolder(dir);
  writeFileSync(victim, '{"id":"sbx_other","memoryMiB":1280,"keep":true}', { mode: 0o600 });
  symlinkSync(victim, join(folder, "machine.json"));
  assert.equal(await readRecord(folder), null);
  await writeRecord(folder, { id: "sbx_1", memoryMiB: 1_280, keep: true });
  assert.match(readFileSync(victim, "utf8"), /sbx_other/);
  assert.equal((await readRecord(folder))?.id, "sbx_1");
});

test("of records written at the same time each is written whole, and nothing else is left", async () => {
  const folder = createFolder(dir);
  const ids = Array.from({ length: 16 }, (_, n) => `sbx_${n}`.repeat(n + 1));
  await Promise.all(ids.map((id) => writeRecord(folder, { id, memoryMiB: 1_280, keep: true })));
  assert.ok(ids.includes((await readRecord(folder))!.id));
  assert.deepEqual(readdirSync(folder), ["machine.json"]);
});

test("a record that cannot be written leaves what was there, and nothing else", async () => {
  const folder = createFolder(dir);
  // A directory in its place: what renames onto it fails, as on a full disk.
  mkdirSync(join(folder, "machine.json"));
  await assert.rejects(writeRecord(folder, { id: "sbx_1", memoryMiB: 1_280, keep: true }));
  assert.deepEqual(readdirSync(folder), ["machine.json"]);
});

test("what others may write is not believed, nor what stands in a folder that they may look into", async () => {
  const folder = createFolder(dir);
  await writeRecord(folder, { id: "sbx_1", memoryMiB: 1_280, keep: true });
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

test("another user's file is not believed", async (context) => {
  if (process.getuid!() !== 0) return context.diagnostic("only root can give files away");
  const { chownSync } = await import("node:fs");
  const folder = createFolder(dir);
  await writeRecord(folder, { id: "sbx_1", memoryMiB: 1_280, keep: true });
  chownSync(join(folder, "machine.json"), 12_345, 12_345);
  assert.equal(await readRecord(folder), null);
});

test("garbage, folders and long files are no records", async () => {
  const folder = createFolder(dir);
  for (const text of ["", "{", "[]", '{"id":1}', "x".repeat(100_000)]) {
    await writeOwnFile(folder, "machine.json", text);
    assert.equal(await readRecord(folder), null);
  }
  assert.equal(await readOwnFile(dir, folder.slice(dir.length + 1)), null);
});

test("a folder of machines that somebody else made, or may look into, is refused", () => {
  const data = join(dir, "data");
  const { run } = layout(data);
  chmodSync(run, 0o755);
  assert.throws(() => layout(data), /must be a directory that belongs to this user/);
  rmSync(run, { recursive: true });
  symlinkSync(dir, run);
  assert.throws(() => layout(data), /must be a directory that belongs to this user/);
});

test("a folder of machines whose path is too long for sockets is elsewhere, or refused", () => {
  const long = join(dir, "d".repeat(100));
  const before = process.env.TMPDIR;
  try {
    process.env.TMPDIR = dir;
    assert.match(layout(long).run, new RegExp(`^${dir}/sandkeep-`));
    process.env.TMPDIR = join(dir, "t".repeat(100));
    assert.throws(() => layout(long), /too long.*TMPDIR/);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});
