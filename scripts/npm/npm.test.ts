import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { type Manifest, publishedManifest } from "./manifest.ts";
import { pack } from "./stage.ts";
import { manifestProblems, problemsOf, relativeLinks } from "./tarball.ts";
import { changelogProblems, isDescribed } from "./versions.ts";

const GOOD: Manifest = {
  name: "sandkeep",
  version: "1.2.3",
  description: "A package.",
  keywords: ["a"],
  license: "MIT",
  homepage: "https://github.com/sandkeep/sandkeep#readme",
  bugs: "https://github.com/sandkeep/sandkeep/issues",
  repository: { type: "git", url: "git+https://github.com/sandkeep/sandkeep.git" },
  type: "module",
  sideEffects: false,
  engines: { node: ">=22" },
  files: ["dist"],
  types: "./dist/mod.d.ts",
  exports: { ".": { types: "./dist/mod.d.ts", default: "./dist/mod.js" } },
  publishConfig: { access: "public" },
};
const FILES = {
  "README.md": "See [the guide](https://example.com/guide).",
  LICENSE: "MIT",
  "dist/mod.js": "export const answer = 42;\n",
  "dist/mod.d.ts": "export declare const answer: number;\n",
};

/** The problems of a package with these files. */
async function problems(manifest: Manifest, files: Record<string, string> = FILES): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), "sandkeep-npm-test-"));
  try {
    for (const [file, text] of Object.entries({ ...files, "package.json": JSON.stringify(manifest) })) {
      await mkdir(dirname(join(directory, "package", file)), { recursive: true });
      await writeFile(join(directory, "package", file), text);
    }
    return await problemsOf(await pack(join(directory, "package"), directory));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

test("the published package.json has no condition, scripts or dependencies of the repository's own", () => {
  const source = {
    ...GOOD,
    exports: { ".": { "sandkeep-source": "./src/mod.ts", default: "./dist/mod.js" }, "./x": "./x.js" },
    scripts: { build: "tsc" },
    devDependencies: { typescript: "1.0.0" },
  };
  const published = publishedManifest(source);
  assert.deepEqual(published.exports, { ".": { default: "./dist/mod.js" }, "./x": "./x.js" });
  assert.deepEqual([published.scripts, published.devDependencies, published.name], [undefined, undefined, "sandkeep"]);
  assert.deepEqual(manifestProblems(source).length, 3);
});

test("a complete package has no problems", async () => {
  assert.deepEqual(await problems(GOOD), []);
});

test("missing and unexpected files are found", async () => {
  const { LICENSE: _, ...files } = FILES;
  const found = await problems(GOOD, { ...files, "dist/mod.test.js": "", "dist/testing/peer.js": "" });
  assert.deepEqual(found.sort(), [
    "LICENSE is missing",
    "dist/mod.test.js must not be published",
    "dist/testing/peer.js must not be published",
  ]);
});

test("publint and are-the-types-wrong look at the tarball", async () => {
  const wrong = { ...GOOD, exports: { ".": { default: "./dist/mod.js", types: "./dist/absent.d.ts" } } };
  const found = await problems(wrong);
  assert.ok(found.some((problem) => problem.startsWith("publint: ")));
  const unresolved = { ...FILES, "dist/mod.d.ts": 'export { answer } from "./other";\n' };
  const types = await problems(GOOD, unresolved);
  assert.ok(
    types.some((problem) => problem.startsWith("are the types wrong: ")),
    types.join(),
  );
});

test("dependencies must be published packages", () => {
  const dependencies = { ws: "^8.0.0", "@sandkeep/common": "1.2.3", local: "file:../local" };
  assert.deepEqual(manifestProblems({ ...GOOD, dependencies }), [
    "package.json: depends on @sandkeep/common, which is not published",
    "package.json: depends on local file:../local, which npm cannot resolve",
  ]);
});

test("relative links are found, but not in code", () => {
  const page = "[a](../a.md) ![b](b.svg) [c](https://c.example) [d](#d)\n```md\n[e](e.md)\n```\n";
  assert.deepEqual(relativeLinks(page), ["../a.md", "b.svg"]);
});

test("the changelog's newest release is the packages' version", () => {
  const released = "# Changelog\n\n## Unreleased\n\n## 1.2.3 - 2026-01-02\n\n## 1.2.2 - 2026-01-01\n";
  assert.deepEqual(changelogProblems(released, "1.2.3"), []);
  assert.deepEqual(changelogProblems("## [1.2.3] - 2026-01-02\n", "1.2.3"), []);
  assert.deepEqual(changelogProblems("## Unreleased\n", "1.2.3"), []);
  assert.match(changelogProblems(released, "1.3.0")[0]!, /ends at version 1\.2\.3/);
  assert.match(changelogProblems("## 1.2.3\n", "1.2.3")[0]!, /should be "1\.2\.3 - YYYY-MM-DD"/);
  assert.match(changelogProblems("nothing\n", "1.2.3")[0]!, /no section/);
  assert.equal(isDescribed(released, "1.2.3"), false);
  assert.equal(isDescribed("## 1.2.3 - 2026-01-02\n", "1.2.3"), true);
});
