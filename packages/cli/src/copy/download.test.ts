import assert from "node:assert/strict";
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import type { Sandbox } from "sandkeep";
import { download } from "./download.ts";

/** Nobody in particular. */
const USER = 65_534;
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandkeep-cli-download-"));
  // Root may write everywhere.
  if (process.getuid!() !== 0) return;
  await chown(dir, USER, USER);
  process.seteuid!(USER);
});
afterEach(async () => {
  if (process.getuid!() === 0) process.seteuid!(0);
  await rm(dir, { recursive: true });
});

/** A sandbox of which a directory comes that nobody may write, as Go's module cache is; then `after` happens. */
const readOnly = (after = () => {}) =>
  ({
    fs: {
      stat: async () => ({ isDirectory: true, isFile: false }),
      async download(_: string, target: string) {
        await mkdir(join(target, "inner"), { recursive: true });
        await writeFile(join(target, "inner/file"), "content");
        await chmod(join(target, "inner"), 0o555);
        await chmod(target, 0o555);
        after();
      },
    },
  }) as unknown as Sandbox;

test("a read-only directory gets its new name", async () => {
  const destination = join(dir, "copy");
  await download(readOnly(), "cache", destination);
  assert.deepEqual(await readdir(dir), ["copy"]);
  assert.equal((await stat(destination)).mode & 0o777, 0o555);
  for (const path of [destination, join(destination, "inner")]) await chmod(path, 0o755);
});

test("a failed copy leaves nothing behind, not even read-only directories, and reports its own error", async () => {
  const fails = readOnly(() => {
    throw new Error("the line is cut");
  });
  await assert.rejects(download(fails, "cache", join(dir, "copy")), /the line is cut/);
  assert.deepEqual(await readdir(dir), []);
});
