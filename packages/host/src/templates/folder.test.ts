import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fakeRoot } from "../engine/testing/fake-root.ts";
import { factsOf, lastUse, memoryMiBOf, noteUse, publish } from "./folder.ts";

const bases = [mkdtempSync(join(tmpdir(), "sk-template-folder-"))];
after(() => {
  for (const base of bases) rmSync(base, { recursive: true, force: true });
});

function captured(content: string, parent = bases[0]!): string {
  const dir = mkdtempSync(join(parent, "captured-"));
  writeFileSync(join(dir, "memory"), content);
  return dir;
}

test("a template is whole where it stays, with the time of its last use", async () => {
  const [dir, target] = [captured("memory"), join(bases[0]!, "512-a")];
  assert.equal(await lastUse(dir), null);
  await publish(dir, target, fakeRoot());
  assert.ok(!existsSync(dir));
  assert.equal(readFileSync(join(target, "memory"), "utf8"), "memory");
  assert.deepEqual(await factsOf(target), { root: "debian", kind: "image" });
  const before = await lastUse(target);
  await noteUse(target);
  assert.ok((await lastUse(target))! >= Math.floor(before!));
  await assert.rejects(noteUse(captured("not whole")), { code: "ENOENT" });
});

test("one that is there already stays", async () => {
  const target = join(bases[0]!, "512-b");
  await publish(captured("first"), target, fakeRoot());
  await publish(captured("second"), target, fakeRoot());
  assert.equal(readFileSync(join(target, "memory"), "utf8"), "first");
});

test("from another file system it is copied, and appears whole", async (t) => {
  const elsewhere = mkdtempSync("/dev/shm/sk-template-folder-");
  bases.push(elsewhere);
  if (statSync(elsewhere).dev === statSync(bases[0]!).dev) return t.skip("/dev/shm is of the same file system as /tmp");
  const target = join(bases[0]!, "512-c");
  await publish(captured("memory", elsewhere), target, fakeRoot());
  assert.equal(readFileSync(join(target, "memory"), "utf8"), "memory");
  assert.notEqual(await lastUse(target), null);
  await publish(captured("second", elsewhere), target, fakeRoot());
  assert.equal(readFileSync(join(target, "memory"), "utf8"), "memory");
  assert.deepEqual(
    readdirSync(bases[0]!).filter((name) => name.startsWith("512-c")),
    ["512-c"],
  );
});

test("a name tells the memory; one that is none tells nothing", () => {
  assert.equal(memoryMiBOf("1280-0123456789abcdef"), 1280);
  assert.equal(memoryMiBOf("lost+found"), 0);
});
