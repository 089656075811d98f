import assert from "node:assert/strict";
import { test } from "node:test";
import { layoutViolations } from "./rules.ts";

const judge = (...paths: string[]) =>
  layoutViolations(paths.map((path) => ({ path, lines: 1 }))).map(({ where, what }) => `${where}: ${what}`);
const many = (count: number, path: (n: number) => string) => Array.from({ length: count }, (_, n) => path(n));

test("names are in kebab-case; in Go and Python, in snake_case", () => {
  assert.deepEqual(
    judge("a/file-handle.ts", "a/file-handle.test.ts", "a/file_handle.go", "a/two_words.py", ".ci/run"),
    [],
  );
  assert.deepEqual(judge("README.md", "packages/sdk/README.md", "a/Fetch.java", "images/x/overlay/etc/Some_file"), []);
  for (const name of [
    "fileHandle.ts",
    "file_handle.ts",
    "FileHandle.md",
    "file-handle.go",
    "file-handle.py",
    "a--b.ts",
  ])
    assert.match(judge(`a/${name}`)[0] ?? "", /is not in (kebab-case|snake_case)/, name);
  assert.match(judge("a/someFolder/a.ts")[0]!, /folder "someFolder"/);
});

test("a folder of the product has 15 files besides its tests, not more", () => {
  const files = many(15, (n) => `packages/a/src/${n}.ts`);
  assert.deepEqual(judge(...files, ...many(15, (n) => `packages/a/src/${n}.test.ts`), "packages/a/src/b/c.ts"), []);
  assert.match(judge(...files, "packages/a/src/one-more.ts")[0]!, /^packages\/a\/src: has 16 files/);
  assert.match(judge(...many(16, (n) => `guest/internal/a/${n}.go`))[0]!, /^guest\/internal\/a: has 16 files/);
  assert.deepEqual(judge(...many(16, (n) => `e2e/clients/${n}.ts`), ...many(16, (n) => `docs/${n}.md`)), []);
});

test("a file of code has 400 lines, not more; other files may", () => {
  const lengths = (path: string, lines: number) => layoutViolations([{ path, lines }]).map(({ what }) => what);
  assert.deepEqual(lengths("e2e/a.test.ts", 400), []);
  assert.deepEqual(lengths("e2e/a.test.ts", 401), ["has 401 lines, 400 at most; split it"]);
  assert.deepEqual(lengths("docs/a.md", 401), []);
});
