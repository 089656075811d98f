import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readOwnFile } from "./own-file.ts";

const dir = mkdtempSync(join(tmpdir(), "sandkeep-own-file-"));
after(() => rmSync(dir, { recursive: true }));

/** A file that can be trusted. */
function file(name: string, content = "content"): string {
  const path = join(dir, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

test("reads a file of this user", async () => {
  assert.equal(await readOwnFile(file("own", "æ")), "æ");
});

test("reads nothing where there is no file", async () => {
  assert.equal(await readOwnFile(join(dir, "missing")), null);
});

for (const [code, why] of [
  ["EMFILE", "no descriptor is left to open it"],
  ["EACCES", "something forbids this user to read his own files"],
] as const)
  test(`does not take a file for missing because ${why}`, async (context) => {
    const path = file("kept");
    const failing = context.mock.method(fs, "open", async () => {
      throw Object.assign(new Error(why), { code });
    });
    syncBuiltinESMExports();
    try {
      await assert.rejects(readOwnFile(path), { code });
      if (code === "EACCES") assert.equal(await readOwnFile(join(dir, "missing")), null);
    } finally {
      failing.mock.restore();
      syncBuiltinESMExports();
    }
    assert.equal(await readOwnFile(path), "content");
  });

test("does not take a file for missing because its folder may not be searched", async (context) => {
  const forbidden = async () => {
    throw Object.assign(new Error("permission denied"), { code: "EACCES" });
  };
  context.mock.method(fs, "open", forbidden);
  context.mock.method(fs, "lstat", forbidden);
  syncBuiltinESMExports();
  try {
    await assert.rejects(readOwnFile(join(dir, "anything")), { code: "EACCES" });
  } finally {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  }
});

test("refuses a symbolic link, also to a file of this user", async () => {
  const link = join(dir, "link");
  symlinkSync(file("target"), link);
  assert.equal(await readOwnFile(link), null);
});

test("refuses a directory, and a named pipe without waiting for its writer", async () => {
  const directory = join(dir, "directory");
  mkdirSync(directory);
  assert.equal(await readOwnFile(directory), null);
  const pipe = join(dir, "pipe");
  execFileSync("mkfifo", ["-m", "600", pipe]);
  assert.equal(await readOwnFile(pipe), null);
});

test("refuses a file that others may write", async () => {
  const path = file("shared");
  for (const mode of [0o620, 0o602]) {
    chmodSync(path, mode);
    assert.equal(await readOwnFile(path), null, mode.toString(8));
  }
  chmodSync(path, 0o644);
  assert.equal(await readOwnFile(path), "content");
});

test("refuses a file of another user", async (context) => {
  if (process.getuid!() !== 0) return context.skip("only root can give files away");
  const path = file("foreign");
  chownSync(path, 12_345, 12_345);
  assert.equal(await readOwnFile(path), null);
});

test("refuses a file that is too long", async () => {
  const path = file("long", "12345");
  assert.equal(await readOwnFile(path, { maxBytes: 4 }), null);
  assert.equal(await readOwnFile(path, { maxBytes: 5 }), "12345");
  assert.equal(await readOwnFile(file("longer", "x".repeat(64 * 1024 + 1))), null);
});
