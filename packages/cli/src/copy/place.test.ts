import assert from "node:assert/strict";
import { test } from "node:test";
import { CliError, UsageError } from "../errors.ts";
import { fitsGlob, isContents, isGlob, nameInSandbox, parsePlace } from "./place.ts";

const ID = "sbx_ord_1at5nn58e77rtd11e3k3";

test("a path in a sandbox has its id before a colon", () => {
  assert.deepEqual(parsePlace(`${ID}:/app/x`, {}), { kind: "sandbox", id: ID, path: "/app/x" });
  assert.deepEqual(parsePlace(`${ID}:a:b`, {}), { kind: "sandbox", id: ID, path: "a:b" });
  assert.deepEqual(parsePlace(`${ID}:`, {}), { kind: "sandbox", id: ID, path: "." });
  assert.deepEqual(parsePlace(":x", { SANDBOX_ID: ID }), { kind: "sandbox", id: ID, path: "x" });
});

test("any other path is local", () => {
  for (const path of ["x", "/a/b", "./a:b", "dir/a:b", "."])
    assert.deepEqual(parsePlace(path, {}), { kind: "local", path });
});

test("the text before the colon must be an id", () => {
  assert.throws(
    () => parsePlace("host:x", {}),
    (error) => error instanceof CliError && error.code === "NOT_AN_ID",
  );
  assert.throws(() => parsePlace(":x", {}), UsageError);
});

test("patterns are recognised by their characters", () => {
  for (const path of ["*.log", "a?", "[ab]", "{a,b}"]) assert.ok(isGlob(path), path);
  assert.ok(!isGlob("plain-name_1.txt"));
});

test("a dot at the end means the content of the directory", () => {
  for (const path of [".", "./", "d/.", "/d/./", "../.", "./."]) assert.ok(isContents(path), path);
  for (const path of ["..", "d/..", "d.", ".d", "/", "d/", "./d", "d/.x"]) assert.ok(!isContents(path), path);
});

test("the name of a path in a sandbox comes from the path, however it is written", () => {
  for (const path of ["d", "d/", "./d", "d//", "x/../d", "/x/d/.", "../app/d/"])
    assert.equal(nameInSandbox(path), "d", path);
  assert.deepEqual([".", "..", "/", "/..", "../.."].map(nameInSandbox), ["app", "home", "", "", ""]);
});

test("what a sandbox returns for a pattern must match it", () => {
  for (const [path, pattern] of [
    ["/home/app/1.log", "*.log"],
    ["/home/app/.log", "*.log"],
    ["/home/app/.git", "*"],
    ["/a/b/c.ts", "/a/**/*.ts"],
    ["/a/x", "/a/**"],
    ["/a/b1", "/a/b?"],
    ["/a/b.js", "/a/{b,c}.*"],
    ["/a/c/d.txt", "/a/{b/x,c/d}.txt"],
    ["/a/c", "/a/[a-c]"],
    ["/a/d", "/a/*/"],
    ["/a/a.ts", "/a/@(a|b).ts"],
    ["/a/{", "/a/*"],
  ])
    assert.ok(fitsGlob(path!, pattern!), `${path} ${pattern}`);
  for (const [path, pattern] of [
    ["/home/app/.bashrc", "*.log"],
    ["/home/app/x.log/..", "*.log"],
    ["/", "*.log"],
    ["/a/d", "/a/[a-c]"],
    ["/a/1.log.exe", "*.log"],
  ]) {
    assert.ok(!fitsGlob(path!, pattern!), `${path} ${pattern}`);
  }
});
