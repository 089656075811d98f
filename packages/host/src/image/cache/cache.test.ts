import assert from "node:assert/strict";
import { access, cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { MANIFEST_FILE, type Manifest } from "../image.ts";
import { fakeManifest, fillBuildDir, putImage } from "../testing/fake-image.ts";
import { imagesDir, lockImages, newBuildDir, publish, readImage, readImages } from "./cache.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "sandkeep-cache-"));
});
afterEach(() => rm(dataDir, { recursive: true }));

test("an image is there only once it is published", async () => {
  using _ = await lockImages(dataDir);
  const dir = await newBuildDir(dataDir);
  await fillBuildDir(dir);
  assert.deepEqual(await readImages(dataDir), []);
  const image = await publish(dataDir, dir, fakeManifest("one"));
  assert.equal(image.rootDisk, join(imagesDir(dataDir), "one/root.qcow2"));
  assert.deepEqual(
    (await readImages(dataDir)).map(({ id }) => id),
    ["one"],
  );
});

test("publishing the same image again keeps the one that is there", async () => {
  const first = await putImage(dataDir, "one", { created: "2026-01-01T00:00:00.000Z" });
  const again = await putImage(dataDir, "one", { created: "2026-01-02T00:00:00.000Z" });
  assert.equal(again.manifest.created, first.manifest.created);
  assert.deepEqual((await readdir(imagesDir(dataDir))).sort(), [".lock", "one"]);
});

test("an image that is not whole is not listed", async () => {
  await putImage(dataDir, "whole");
  await putImage(dataDir, "file-gone").then(({ kernel }) => rm(kernel));
  await putImage(dataDir, "file-short").then(({ initramfs }) => writeFile(initramfs, ""));
  await putImage(dataDir, "manifest-torn").then(() =>
    writeFile(join(imagesDir(dataDir), "manifest-torn", MANIFEST_FILE), "{"),
  );
  await mkdir(join(imagesDir(dataDir), "stray"));
  assert.deepEqual(
    (await readImages(dataDir)).map(({ id }) => id),
    ["whole"],
  );
});

test("images are listed from the newest to the oldest", async () => {
  const created = (day: number): Partial<Manifest> => ({ created: `2026-01-0${day}T00:00:00.000Z` });
  await putImage(dataDir, "middle", created(2));
  await putImage(dataDir, "new", created(3));
  await putImage(dataDir, "old", created(1));
  assert.deepEqual(
    (await readImages(dataDir)).map(({ id }) => id),
    ["new", "middle", "old"],
  );
});

test("who takes the lock removes what an interrupted build left, its scratch directory too", async () => {
  const scratch = await mkdtemp(join(tmpdir(), "sandkeep-scratch-"));
  await writeFile(join(scratch, "file"), "");
  {
    using _ = await lockImages(dataDir);
    await newBuildDir(dataDir, scratch);
  }
  using _ = await lockImages(dataDir);
  assert.deepEqual(await readdir(imagesDir(dataDir)), [".lock"]);
  await assert.rejects(access(scratch), { code: "ENOENT" });
});

test("a copy of an unfinished build does not take the original's scratch directory away", async () => {
  const scratch = await mkdtemp(join(tmpdir(), "sandkeep-scratch-"));
  using _ = await lockImages(dataDir);
  const dir = await newBuildDir(dataDir, scratch);
  const other = join(dataDir, "other");
  await mkdir(imagesDir(other), { recursive: true });
  await cp(dir, join(imagesDir(other), ".building-1"), { recursive: true });
  using _other = await lockImages(other);
  assert.deepEqual(await readdir(imagesDir(other)), [".lock"]);
  await access(scratch);
  await rm(scratch, { recursive: true });
});

test("an image of another data directory is not found", async () => {
  await putImage(dataDir, "one");
  assert.equal(await readImage(join(dataDir, "elsewhere"), "one"), undefined);
  assert.deepEqual(await readImages(join(dataDir, "elsewhere")), []);
});
