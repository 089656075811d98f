import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { test } from "node:test";
import { named, nameOf, unusable, within } from "./local-path.ts";

test("names are text if they are UTF-8, otherwise bytes, and stay unchanged", () => {
  assert.equal(nameOf(Buffer.from("ünï")), "ünï");
  const bytes = Buffer.from([0x61, 0xff]);
  assert.deepEqual(nameOf(bytes), bytes);
  assert.equal(within("/a", "b"), "/a/b");
  assert.equal(within("/", "b"), "/b");
  assert.deepEqual(within("/a", bytes), Buffer.from([0x2f, 0x61, 0x2f, 0x61, 0xff]));
  assert.deepEqual(within(bytes, "b"), Buffer.from([0x61, 0xff, 0x2f, 0x62]));
});

test("on Windows, names with a special meaning are not written", () => {
  const windows = { onWindows: true, namesAreBytes: false };
  for (const name of [
    "..\\evil",
    "a\\b",
    "C:",
    "C:evil",
    "a:stream",
    "nul",
    "NUL.txt",
    "com1",
    "LPT9.x",
    "con .x",
    "a.",
    "a ",
    "a*",
    "\u0001",
    Buffer.from([0xff]),
  ]) {
    assert.ok(unusable(name, windows), String(name));
  }
  for (const name of ["a", ".git", "a b", "console", "ünï", "nulls", "a..b"])
    assert.equal(unusable(name, windows), undefined, name);
  assert.equal(unusable("a\\b", { onWindows: false, namesAreBytes: true }), undefined);
  assert.equal(unusable(Buffer.from([0xff]), { onWindows: false, namesAreBytes: true }), undefined);
  assert.match(unusable(Buffer.from([0xff]), { onWindows: false, namesAreBytes: false })!, /not UTF-8/);
});

test("an error on an open file says which file", async () => {
  const path = new URL(import.meta.url).pathname;
  const file = await open(path);
  const error = await file.write("x").then(
    () => assert.fail(),
    (error: unknown) => named(error, path) as Error & { path: string },
  );
  await file.close();
  assert.ok(error.message.endsWith(`'${path}'`), error.message);
  assert.equal(error.path, path);
  assert.equal(named(error, "other"), error);
  assert.ok(!error.message.includes("other"));
});
