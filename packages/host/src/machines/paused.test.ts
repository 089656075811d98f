import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ForkedFrom } from "../engine/engine.ts";
import { PausedMachines } from "./paused.ts";
import { bytesToPin, pinSource } from "./source.ts";

const scratch = mkdtempSync(join(tmpdir(), "sk-paused-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** A template and an image, as files. */
function makeSource(): ForkedFrom {
  const dir = mkdtempSync(join(scratch, "template-"));
  const file = (name: string) => (writeFileSync(join(dir, name), name), join(dir, name));
  file("kernel");
  return {
    template: { memory: file("memory"), state: file("state"), disk: { layer: file("disk"), empty: file("empty") } },
    root: { layers: [join(mkdtempSync(join(scratch, "image-")), "root")], capacityBytes: 1024 },
    engine: "fake one",
  };
}

async function open() {
  const dir = mkdtempSync(join(scratch, "paused-"));
  const source = makeSource();
  writeFileSync(source.root.layers[0]!, "root");
  const folder = mkdtempSync(join(scratch, "machine-"));
  const pause = async (id: string, paused: PausedMachines) => {
    const from = await pinSource(folder, source);
    writeFileSync(join(folder, "machine.json"), "{}");
    const record = {
      id,
      owner: "cp_1",
      memoryMiB: 1_280,
      ownMiB: 70,
      method: "copy" as const,
      own: ["disk.qcow2"],
      image: "debian",
      from,
    };
    await paused.prepare(folder, record);
    assert.equal(await paused.find(id), null, "it is not paused yet");
    return await paused.commit(folder, id);
  };
  return { dir, source, folder, pause };
}

test("a paused machine has what it was made from, whatever happens to template and image", async () => {
  const { dir, source, folder, pause } = await open();
  const paused = await PausedMachines.open(dir);
  const inode = statSync(source.template.memory).ino;
  await pause("sbx_1", paused);
  assert.ok(!existsSync(folder));
  for (const path of [source.template.memory, source.root.layers[0]!]) rmSync(path);
  const { from } = (await (await PausedMachines.open(dir)).find("sbx_1"))!;
  assert.equal(statSync(from.template.memory).ino, inode, "another name of the same file, so its memory is shared");
  assert.deepEqual(
    [from.template.state, from.template.disk!.layer, from.template.disk!.empty, ...from.root.layers].map((path) =>
      readFileSync(path, "utf8"),
    ),
    ["state", "disk", "empty", "root"],
  );
  assert.ok(!existsSync(join(dir, "sbx_1", "machine.json")), "it is no running machine any more");
});

test("what was pinned for one machine can be pinned for another, which outlives it", async () => {
  const { source, folder } = await open();
  const first = await pinSource(folder, source);
  const other = mkdtempSync(join(scratch, "machine-"));
  const second = await pinSource(other, first);
  rmSync(folder, { recursive: true });
  assert.equal(readFileSync(second.root.layers[0]!, "utf8"), "root");
  assert.equal(readFileSync(second.template.memory, "utf8"), "memory");
  assert.equal(await pinSource(other, second), second, "it has its own already");
});

test("what is pinned by further names takes no space; what must be copied does", async () => {
  const { source, folder } = await open();
  assert.equal(await bytesToPin(folder, source), 0);
  // Another file system.
  const other = mkdtempSync("/dev/shm/sk-pin-");
  try {
    writeFileSync(join(other, "memory"), Buffer.alloc(1_000_000, 1));
    const far = { ...source, template: { ...source.template, memory: join(other, "memory") } };
    assert.ok((await bytesToPin(folder, far)) >= 1_000_000);
  } finally {
    rmSync(other, { recursive: true });
  }
});

test("owners see their own; ids that are no names of folders are nobody's", async () => {
  const { dir, pause } = await open();
  const paused = await PausedMachines.open(dir);
  await pause("sbx_1", paused);
  assert.deepEqual([await paused.list("cp_1"), await paused.list("cp_2")], [["sbx_1"], []]);
  for (const id of ["../sbx_1", "", ".", "sbx_1.resumed", "a/b"]) {
    assert.equal(await paused.find(id), null);
    assert.throws(() => paused.folder(id));
  }
});

test("a machine whose record cannot be read is paused all the same, and changes its owner once it can be", async () => {
  const { dir, pause } = await open();
  const paused = await PausedMachines.open(dir);
  await pause("sbx_1", paused);
  const file = join(dir, "sbx_1", "paused.json");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, "{}");
  await assert.rejects(paused.find("sbx_1"), { code: "CANNOT_RESUME" });
  assert.deepEqual([await paused.list("cp_1"), await paused.list("cp_2")], [["sbx_1"], ["sbx_1"]]);
  assert.ok(await paused.has("sbx_1"));
  await paused.setOwner("cp_1", "cp_2");
  // Reading it fails, in a way that says nothing about the record.
  rmSync(file);
  mkdirSync(file);
  assert.deepEqual([await paused.list("cp_1"), await paused.list("cp_2")], [["sbx_1"], ["sbx_1"]]);
  assert.deepEqual([await paused.has("sbx_1"), await paused.has("sbx_2")], [true, false]);
  await assert.rejects(paused.replaceLayers("sbx_1", ["disk.qcow2"], "other.qcow2"), { code: "EISDIR" });
  const moves = [
    ["cp_other", "cp_3"],
    ["cp_1", "cp_2"],
    ["cp_2", "cp_3"],
  ] as const;
  for (const [from, owner] of moves) await paused.setOwner(from, owner);
  rmSync(file, { recursive: true });
  writeFileSync(file, text);
  const found = async () => (await (await PausedMachines.open(dir)).find("sbx_1"))!;
  assert.deepEqual(await found(), { ...JSON.parse(text), owner: "cp_3" });
  assert.deepEqual([await paused.list("cp_1"), await paused.list("cp_3")], [[], ["sbx_1"]]);
  // It has its owner on record from now on.
  await paused.setOwner("cp_3", "cp_1");
  assert.equal((await found()).owner, "cp_1");
  await paused.remove("sbx_1");
  assert.deepEqual([await paused.list("cp_1"), await paused.has("sbx_1")], [[], false]);
});

test("a machine that runs again is not paused, and a crash after that leaves nothing", async () => {
  const { dir, pause } = await open();
  const paused = await PausedMachines.open(dir);
  await pause("sbx_1", paused);
  const { from } = (await paused.find("sbx_1"))!;
  const home = mkdtempSync(join(scratch, "machine-"));
  const source = await pinSource(home, from);
  await paused.consume("sbx_1");
  assert.equal(await paused.find("sbx_1"), null);
  await PausedMachines.open(dir);
  assert.deepEqual(readdirSync(dir), []);
  assert.equal(readFileSync(source.template.state, "utf8"), "state", "it has its source elsewhere");
});

test("what is left of a machine that was resumed before does not keep it from being resumed or removed", async () => {
  const { dir, folder, pause } = await open();
  const paused = await PausedMachines.open(dir);
  for (let n = 0; n < 2; n++) {
    await pause("sbx_1", paused);
    // Removing it fails.
    await paused.consume("sbx_1");
    mkdirSync(folder);
  }
  await pause("sbx_1", paused);
  await paused.remove("sbx_1");
  assert.deepEqual(readdirSync(dir), []);
});

test("others change their owner also if the record of one cannot be read", async () => {
  const { dir, folder, pause } = await open();
  const paused = await PausedMachines.open(dir);
  for (const id of ["sbx_1", "sbx_2", "sbx_3"]) {
    await pause(id, paused);
    mkdirSync(folder);
  }
  const file = join(dir, "sbx_2", "paused.json");
  rmSync(file);
  mkdirSync(file);
  await paused.setOwner("cp_1", "cp_2");
  const owners = await Promise.all(["sbx_1", "sbx_3"].map(async (id) => (await paused.find(id))!.owner));
  assert.deepEqual(owners, ["cp_2", "cp_2"]);
});

test("an owner's machines can become another's", async () => {
  const { dir, pause } = await open();
  const paused = await PausedMachines.open(dir);
  await pause("sbx_1", paused);
  const before = (await paused.find("sbx_1"))!;
  await paused.setOwner("cp_other", "cp_2");
  assert.deepEqual(await paused.list("cp_1"), ["sbx_1"]);
  await paused.setOwner("cp_1", "cp_2");
  assert.deepEqual([await paused.list("cp_1"), await paused.list("cp_2")], [[], ["sbx_1"]]);
  assert.deepEqual(await paused.find("sbx_1"), { ...before, owner: "cp_2" });
});

test("what is removed is gone, and removing it again changes nothing", async () => {
  const { dir, pause } = await open();
  const paused = await PausedMachines.open(dir);
  await pause("sbx_1", paused);
  await paused.remove("sbx_1");
  await paused.remove("sbx_1");
  assert.deepEqual(readdirSync(dir), []);
});

test("a record that cannot be read is reported, not removed", async () => {
  const { dir, pause } = await open();
  const paused = await PausedMachines.open(dir);
  await pause("sbx_1", paused);
  writeFileSync(join(dir, "sbx_1", "paused.json"), "{");
  await assert.rejects((await PausedMachines.open(dir)).find("sbx_1"), /cannot be read/);
  assert.ok(existsSync(join(dir, "sbx_1")));
});
