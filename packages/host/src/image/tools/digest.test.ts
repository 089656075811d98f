import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { digestOf, digestOfFile, digestOfTree } from "./digest.ts";

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandkeep-digest-"));
  await mkdir(join(dir, "sub"));
  await writeFile(join(dir, "sub/a"), "a");
  await writeFile(join(dir, "b"), "b");
});
after(() => rm(dir, { recursive: true }));

test("a tree's digest does not depend on times and group permissions", async () => {
  const digest = await digestOfTree(dir);
  await utimes(join(dir, "b"), 1, 1);
  await chmod(join(dir, "b"), 0o664);
  assert.equal(await digestOfTree(dir), digest);
});

test("a tree's digest depends on content, name and the executable bit", async () => {
  const seen = new Set([await digestOfTree(dir)]);
  await writeFile(join(dir, "b"), "other");
  seen.add(await digestOfTree(dir));
  await chmod(join(dir, "b"), 0o755);
  seen.add(await digestOfTree(dir));
  await rename(join(dir, "b"), join(dir, "c"));
  seen.add(await digestOfTree(dir));
  assert.equal(seen.size, 4);
});

test("skipped files do not count", async () => {
  const skip = (path: string) => path.endsWith("_test.go");
  const digest = await digestOfTree(dir, skip);
  await writeFile(join(dir, "sub/x_test.go"), "");
  assert.equal(await digestOfTree(dir, skip), digest);
  assert.notEqual(await digestOfTree(dir), digest);
});

test("values do not run into each other", () => {
  assert.notEqual(digestOf("ab", "c"), digestOf("a", "bc"));
});

test("a file's digest is its SHA-256", async () => {
  await writeFile(join(dir, "f"), "abc");
  assert.equal(await digestOfFile(join(dir, "f")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
