import assert from "node:assert/strict";
import { test } from "node:test";
import { CliError, UsageError } from "../errors.ts";
import { isContents, isGlob, parsePlace } from "./place.ts";

const ID = "sbx_ord_1at5nn58e77rtd11e3k3";

test("a path in a sandbox has its id before a colon", () => {
  assert.deepEqual(parsePlace(`${ID}:/app/x`, {}), { kind: "sandbox", id: ID, path: "/app/x" });
  assert.deepEqual(parsePlace(`${ID}:a:b`, {}), { kind: "sandbox", id: ID, path: "a:b" });
  assert.deepEqual(parsePlace(`${ID}:`, {}), { kind: "sandbox", id: ID, path: "." });
  assert.deepEqual(parsePlace(":x", { SANDBOX_ID: ID }), { kind: "sandbox", id: ID, path: "x" });
});

test("any other path is on this machine", () => {
  for (const path of ["x", "/a/b", "./a:b", "dir/a:b", "."]) assert.deepEqual(parsePlace(path, {}), { kind: "local", path });
});

test("what stands before the colon must be an id", () => {
  assert.throws(() => parsePlace("host:x", {}), (error) => error instanceof CliError && error.code === "NOT_AN_ID");
  assert.throws(() => parsePlace(":x", {}), UsageError);
});

test("patterns are known by their characters", () => {
  for (const path of ["*.log", "a?", "[ab]", "{a,b}"]) assert.ok(isGlob(path), path);
  assert.ok(!isGlob("plain-name_1.txt"));
});

test("a dot at the end means what is in it", () => {
  for (const path of [".", "./", "d/.", "/d/./", "../.", "./."]) assert.ok(isContents(path), path);
  for (const path of ["..", "d/..", "d.", ".d", "/", "d/", "./d", "d/.x"]) assert.ok(!isContents(path), path);
});
