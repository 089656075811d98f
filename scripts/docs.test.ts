/** Links in the documentation lead somewhere. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** URL prefix of the repository's files on the web. */
const BLOB = "https://github.com/sandkeep/sandkeep/blob/main/";
const PAGES = globSync(["*.md", "docs/*.md", "guest/*.md", "e2e/*.md", "packages/*/*.md"], { cwd: ROOT });

/** A page without its code blocks. */
const textOf = (file: string) => readFileSync(file, "utf8").replaceAll(/^```[^]*?^```/gm, "");

/** Anchors of a page's headings. */
function anchors(file: string): Set<string> {
  return new Set(
    Array.from(textOf(file).matchAll(/^#+ (.*)$/gm), ([, title]) =>
      title!
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

for (const page of PAGES) {
  test(`links of ${page} lead somewhere`, () => {
    for (const [, target] of textOf(join(ROOT, page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      // npm shows these pages without the files beside them.
      if (page.startsWith("packages/")) assert.match(target!, /^https:/, `${target}: must be absolute`);
      const inRepository = target!.startsWith(BLOB);
      if (/^[a-z]+:/.test(target!) && !inRepository) continue;
      const [path, anchor] = target!.replace(BLOB, "").split("#");
      const file = path === "" ? join(ROOT, page) : join(ROOT, inRepository ? "" : dirname(page), path!);
      assert.ok(existsSync(file), `${target}: there is no ${relative(ROOT, file)}`);
      if (anchor !== undefined) assert.ok(anchors(file).has(anchor), `${target}: there is no such heading`);
    }
  });
}

test("docs/README.md lists every page", () => {
  const index = readFileSync(join(ROOT, "docs/README.md"), "utf8");
  for (const page of globSync("*.md", { cwd: join(ROOT, "docs") }))
    if (page !== "README.md") assert.ok(index.includes(`(${page})`), page);
});

test("docs/security.md names tests that are there, and every one that attacks a machine", () => {
  const page = readFileSync(join(ROOT, "docs/security.md"), "utf8");
  const named = Array.from(
    page.matchAll(/`((?:packages|guest|e2e)\/[^`]*(?:\.test\.ts|_test\.go))`/g),
    ([, file]) => file!,
  );
  assert.ok(named.length > 30);
  for (const file of named) assert.ok(existsSync(join(ROOT, file)), file);
  for (const file of globSync(["e2e/egress/*.test.ts", "packages/egress/src/proxy/**/hostile-*.test.ts"], {
    cwd: ROOT,
  })) {
    // This one attacks nothing: it tests the others' fixture.
    assert.ok(named.includes(file) || file.endsWith("/smoke.test.ts"), `${file} is not named in docs/security.md`);
  }
});
