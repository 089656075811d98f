import assert from "node:assert/strict";
import { test } from "node:test";
import { importsOf } from "./graph.ts";
import { violationsOf, type Workspace } from "./rules.ts";

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

const judge = (files: Record<string, string>) =>
  violationsOf(
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
  assert.deepEqual(judge({ "packages/control/src/a.ts": 'import "@sandkeep/protocol";' }), []);
  assert.match(
    judge({ "packages/host/src/a.ts": 'import type { X } from "@sandkeep/control";' })[0]!,
    /@sandkeep\/host must not depend on @sandkeep\/control/,
  );
});

test("nobody reaches past an entry file, or into another package by a path", () => {
  assert.match(
    judge({ "packages/control/src/a.ts": 'import "@sandkeep/protocol/src/ids.ts";' })[0]!,
    /reaches past the entry file/,
  );
  assert.match(judge({ "packages/control/src/a.ts": 'import "../../protocol/src/mod.ts";' })[0]!, /leaves the package/);
});

test("what is imported is declared, and Node's modules are named as such", () => {
  assert.deepEqual(judge({ "packages/control/src/a.ts": 'import "ws"; import "node:fs";' }), []);
  assert.match(judge({ "packages/control/src/a.ts": 'import "zod/v4";' })[0]!, /"zod" is not among the dependencies/);
  assert.match(judge({ "packages/control/src/a.ts": 'import "fs";' })[0]!, /write "node:fs"/);
});

test("files do not import each other in circles, neither do types", () => {
  const circle = {
    "packages/server/src/a.ts": 'import "./b.ts";',
    "packages/server/src/b.ts": 'import "./c.ts";',
    "packages/server/src/c.ts": 'import "./a.ts"; import "./d.ts";',
    "packages/server/src/d.ts": 'import "./e.ts";',
  };
  const found = ["imports itself: a.ts → b.ts → c.ts → a.ts".replaceAll(/\w\.ts/g, "packages/server/src/$&")];
  assert.deepEqual(judge(circle), found);
  assert.deepEqual(judge({ ...circle, "packages/server/src/c.ts": 'import type { A } from "./a.ts";' }), found);
  assert.deepEqual(judge({ ...circle, "packages/server/src/c.ts": 'let a: import("./a.ts").A;' }), found);
  assert.deepEqual(judge({ ...circle, "packages/server/src/c.ts": "" }), []);
});

test("every set of files that go in circles is told once, by its shortest circle", () => {
  const found = judge({
    "packages/server/src/a.ts": 'import "./b.ts"; import "./c.ts";',
    "packages/server/src/b.ts": 'import "./c.ts";',
    "packages/server/src/c.ts": 'import "./a.ts";',
    "packages/server/src/x.ts": 'import "./y.ts"; import "./a.ts";',
    "packages/server/src/y.ts": 'import "./x.ts";',
  });
  assert.deepEqual(
    found.map((what) => what.replaceAll("packages/server/src/", "")),
    ["imports itself: a.ts → c.ts → a.ts", "imports itself: x.ts → y.ts → x.ts"],
  );
});

test("the product does not import what is for tests; tests and what stands beside them do", () => {
  for (const specifier of ["./testing/peer.ts", "../testing/mod.ts", "./testing.ts", "./b.test.ts"]) {
    assert.match(
      judge({ "packages/server/src/a/a.ts": `import "${specifier}";` })[0]!,
      /which is for tests/,
      specifier,
    );
    for (const file of ["a.test.ts", "testing/lab.ts"])
      assert.deepEqual(judge({ [`packages/server/src/a/${file}`]: `import "${specifier}";` }), [], file);
  }
  const other = 'import type { Lab } from "@sandkeep/protocol/testing";';
  assert.match(judge({ "packages/server/src/a.ts": other })[0]!, /which is for tests/);
  assert.deepEqual(judge({ "packages/server/src/a.test.ts": other }), []);
  assert.deepEqual(judge({ "packages/server/src/a.ts": 'import "./testing-ground.ts";' }), []);
});
