import assert from "node:assert/strict";
import { link, mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { putImage } from "../testing/fake-image.ts";
import { readImages } from "./cache.ts";
import { listImages, pruneImages } from "./prune.ts";

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "sandkeep-prune-"));
});
afterEach(() => rm(dataDir, { recursive: true }));

test("all images but those to be kept are removed", async () => {
  for (const id of ["one", "two", "three"]) await putImage(dataDir, id);
  const { removed, busy, freedBytes } = await pruneImages({ dataDir, keep: ["two"] });
  assert.deepEqual(removed.map(({ id }) => id).sort(), ["one", "three"]);
  assert.deepEqual(busy, []);
  assert.ok(freedBytes > 0);
  assert.deepEqual(
    (await readImages(dataDir)).map(({ id }) => id),
    ["two"],
  );
});

test("an image in use stays", async () => {
  const { rootDisk } = await putImage(dataDir, "one");
  {
    await using _ = await open(rootDisk);
    assert.equal((await listImages({ dataDir }))[0]!.inUse, true);
    const { removed, busy } = await pruneImages({ dataDir, keep: [] });
    assert.deepEqual([removed.length, busy.length], [0, 1]);
  }
  assert.equal((await listImages({ dataDir }))[0]!.inUse, false);
  assert.equal((await pruneImages({ dataDir, keep: [] })).removed.length, 1);
});

test("space that a kept image shares is not counted as freed", async () => {
  const one = await putImage(dataDir, "one");
  const two = await putImage(dataDir, "two");
  await rm(two.rootDisk);
  await link(one.rootDisk, two.rootDisk);
  const [, summary] = await listImages({ dataDir });
  const shared = (await stat(one.rootDisk)).blocks * 512;
  const { freedBytes } = await pruneImages({ dataDir, keep: ["one"] });
  assert.equal(freedBytes, summary!.diskBytes - shared);
});

test("nothing to prune is no error", async () => {
  assert.deepEqual(await pruneImages({ dataDir, keep: [] }), { removed: [], busy: [], freedBytes: 0 });
});
