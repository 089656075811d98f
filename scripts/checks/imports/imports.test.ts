import assert from "node:assert/strict";
import { test } from "node:test";
import { importsOf } from "./graph.ts";
import { judge, type Workspace } from "./rules.ts";

const workspaces: Workspace[] = [
  { name: "@sandkeep/protocol", directory: "packages/protocol", dependencies: ["zod"], exports: ["."] },
  {
    name: "@sandkeep/control",
    directory: "packages/control",
    dependencies: ["@sandkeep/protocol", "ws"],
    exports: ["."],
  },
  { name: "@sandkeep/host", directory: "packages/host", dependencies: ["@sandkeep/control"], exports: ["."] },
];

const judged = (files: Record<string, string>) =>
  judge(
    Object.entries(files).flatMap(([file, text]) => importsOf(file, text)),
    workspaces,
  ).map(({ what }) => what);

test("finds every form of import, with its line, and none in comments", () => {
  const text = `import a from "a";
// import b from "b";
/* import c from "c"; */
import type { D } from "d";
export * from "./e.ts";
export { f,
  g } from "./f.ts";
import "h";
const i = await import("i");
export const notAnImport = { from: "x" };
`;
  assert.deepEqual(
    importsOf("x.ts", text).map(({ specifier, line, typeOnly }) => [specifier, line, typeOnly]),
    [
      ["a", 1, false],
      ["d", 4, true],
      ["./e.ts", 5, false],
      ["./f.ts", 7, false],
      ["h", 8, false],
      ["i", 9, false],
    ],
  );
});

test("dependencies point downwards only", () => {
  assert.deepEqual(judged({ "packages/control/src/a.ts": 'import "@sandkeep/protocol";' }), []);
  assert.match(
    judged({ "packages/host/src/a.ts": 'import type { X } from "@sandkeep/control";' })[0]!,
    /@sandkeep\/host must not depend on @sandkeep\/control/,
  );
});

test("nobody reaches past an entry file, or into another package by a path", () => {
  assert.match(
    judged({ "packages/control/src/a.ts": 'import "@sandkeep/protocol/src/ids.ts";' })[0]!,
    /reaches past the entry file/,
  );
  assert.match(
    judged({ "packages/control/src/a.ts": 'import "../../protocol/src/mod.ts";' })[0]!,
    /leaves the package/,
  );
});

test("what is imported is declared, and Node's modules are named as such", () => {
  assert.deepEqual(judged({ "packages/control/src/a.ts": 'import "ws"; import "node:fs";' }), []);
  assert.match(judged({ "packages/control/src/a.ts": 'import "zod/v4";' })[0]!, /"zod" is not among the dependencies/);
  assert.match(judged({ "packages/control/src/a.ts": 'import "fs";' })[0]!, /write "node:fs"/);
});

test("files do not import each other in circles, but types may", () => {
  const circle = {
    "packages/control/src/a.ts": 'import "./b.ts";',
    "packages/control/src/b.ts": 'import "./c.ts";',
    "packages/control/src/c.ts": 'import "./a.ts";',
  };
  assert.match(judged(circle)[0]!, /a\.ts → .*b\.ts → .*c\.ts → .*a\.ts/);
  assert.deepEqual(judged({ ...circle, "packages/control/src/c.ts": 'import type { A } from "./a.ts";' }), []);
});
