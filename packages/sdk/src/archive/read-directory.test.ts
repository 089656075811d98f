import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { appendFile, mkdir, mkdtemp, readdir, readlink, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import { readDirectory } from "./read-directory.ts";

const run = promisify(execFile);
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandkeep-read-directory-"));
});
afterEach(() => rm(dir, { recursive: true }));

test("sockets, FIFOs and devices are skipped and reported", async () => {
  await mkdir(join(dir, "from"));
  await run("mkfifo", [join(dir, "from/pipe")]);
  const skipped: string[] = [];
  const onSkip = (path: string, reason: string) => void skipped.push(`${path}: ${reason}`);
  await Array.fromAsync(readDirectory(join(dir, "from"), { onSkip }));
  assert.deepEqual(skipped, [`${dir}/from/pipe: neither a file nor a directory nor a link`]);
});

test("a file that shrinks while it is read is an error, one that grows is cut", async () => {
  const path = join(dir, "from/log");
  await mkdir(join(dir, "from"));
  for (const [change, outcome] of [
    [() => truncate(path, 10), /became shorter while it was read '.*from\/log'/],
    [() => appendFile(path, "more"), undefined],
  ] as const) {
    await writeFile(path, Buffer.alloc(3_000_000, 1));
    const reading = async () => {
      let pieces = 0;
      for await (const _ of readDirectory(join(dir, "from"), { onSkip: () => {} })) if (pieces++ === 1) await change();
    };
    await (outcome ? assert.rejects(reading, outcome) : reading());
  }
});

test("a reader that stops leaves no file open", async () => {
  await mkdir(join(dir, "from"));
  for (let n = 0; n < 20; n++) await writeFile(join(dir, `from/${n}`), Buffer.alloc(300_000));
  for await (const _ of readDirectory(join(dir, "from"), { onSkip: () => {} })) break;
  const open = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
  assert.deepEqual(
    open.filter((path) => path.startsWith(dir)),
    [],
  );
});
