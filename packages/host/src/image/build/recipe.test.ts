import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ImageError } from "../image.ts";
import { DEFAULT_RECIPE_DIR, readRecipe } from "./recipe.ts";

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandkeep-recipe-"));
  await cp(DEFAULT_RECIPE_DIR, dir, { recursive: true });
});
after(() => rm(dir, { recursive: true }));

test("the recipe of this repository is one", async () => {
  const recipe = await readRecipe(DEFAULT_RECIPE_DIR);
  assert.equal(recipe.name, "debian-13");
  assert.equal(recipe.disk.sizeMiB, 9_536);
});

test("the key is the same wherever the recipe is, and another when any of its files changes", async () => {
  const original = await readRecipe(DEFAULT_RECIPE_DIR);
  assert.equal((await readRecipe(dir)).digest, original.digest);
  await writeFile(join(dir, "overlay/etc/hostname"), "other\n");
  assert.notEqual((await readRecipe(dir)).digest, original.digest);
});

test("a recipe with a field that is wrong or unknown is refused by name", async () => {
  const file = join(dir, "recipe.json");
  const recipe = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...recipe, packages: ["bash; rm -rf /"], surprise: 1 }));
  await assert.rejects(readRecipe(dir), (error: unknown) => {
    assert.ok(error instanceof ImageError);
    assert.match(error.message, /packages\[0\]/);
    assert.match(error.message, /surprise/);
    return true;
  });
});

test("a directory without a recipe is refused", async () => {
  await assert.rejects(readRecipe(join(dir, "overlay")), /no image recipe in/);
});
