import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, readlink, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import { archive, cut, folder, link, root, write as writeTo } from "../testing/archives.ts";
import { encodeEntry } from "./header.ts";
import { readDirectory } from "./read-directory.ts";
import { ArchiveReader } from "./reader.ts";

const run = promisify(execFile);
let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandkeep-archive-"));
});
afterEach(async () => {
  // Only root may remove what is in a directory that is read-only.
  await run("chmod", ["-R", "u+w", dir]);
  await rm(dir, { recursive: true });
});

/** Writes an archive into `target`. @returns what was left out */
const write = (
  bytes: Buffer | AsyncIterable<Uint8Array>,
  target = join(dir, "target"),
  pieceBytes?: number,
  source?: string,
) => writeTo(bytes, target, pieceBytes, source);

async function packed(source: string, onSkip = (_path: string, _reason: string) => {}): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(readDirectory(source, { onSkip })));
}

/** A directory with everything that is hard to copy. */
async function difficult(): Promise<string> {
  const from = join(dir, "from");
  const long = "long".repeat(60);
  for (const path of ["empty", "deep/er/est", `ünï/${long}/${long}`, "read-only"])
    await mkdir(join(from, path), { recursive: true });
  const contents: Record<string, string | Buffer> = {
    "empty-file": "",
    a: "content",
    "deep/er/est/x": "deep",
    "new\nline": "n",
    "=": "p",
    " 12 path=x\n": "q",
    [`ünï/${long}/${long}/${long}`]: "long",
    "read-only/file": "r",
    large: "0123456789".repeat(100_000),
    hole: Buffer.concat([Buffer.alloc(3_000_000), Buffer.from("end")]),
    zeros: Buffer.alloc(400_000),
    block: "x".repeat(512),
  };
  for (const [name, content] of Object.entries(contents)) await writeFile(join(from, name), content, { mode: 0o640 });
  await writeFile(Buffer.concat([Buffer.from(`${from}/not \u00fc utf-8 `), Buffer.from([0xff, 0xc3])]), "bytes");
  await mkdir(Buffer.concat([Buffer.from(`${from}/dir`), Buffer.from([0xfe])]));
  await writeFile(Buffer.concat([Buffer.from(`${from}/dir`), Buffer.from([0xfe]), Buffer.from("/in")]), "in");
  await symlink("a", join(from, "link"));
  await symlink(Buffer.from([0xff]), join(from, "bad-link"));
  await symlink("/not/there", join(from, "dangling"));
  await utimes(join(from, "a"), 1e9, 1e9 + 0.25);
  await utimes(join(from, "empty"), 1e9, -5.5);
  await chmod(join(from, "a"), 0o755);
  await chmod(join(from, "read-only"), 0o555);
  return from;
}

/** Names, modes, times, links and contents below a directory, as text. */
const listed = async (path: string) =>
  (
    await run("sh", [
      "-c",
      `cd "$1" && find . -printf '%p %y %m %Ts %l\\n' | LC_ALL=C sort && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum`,
      "-",
      path,
    ])
  ).stdout;

test("a directory comes back unchanged, however its archive is split into chunks", async () => {
  const from = await difficult();
  const want = await listed(from);
  const bytes = await packed(from);
  for (const [index, pieceBytes] of [1_000_000, 64 * 1024, 700, 511].entries()) {
    const target = join(dir, `to ${index}`);
    assert.deepEqual(await write(bytes, target, pieceBytes), []);
    assert.equal(await listed(target), want);
    // Holes are found in pieces as large as frames are.
    for (const name of index < 2 ? ["zeros", "hole"] : []) {
      const { blocks, size } = await stat(join(target, name));
      assert.ok(blocks * 512 < size, name);
    }
  }
  assert.equal((await stat(join(dir, "to 0/a"))).mtimeMs, 1e12 + 250);
});

test("tar reads what is packed here, and what tar packs is read", async () => {
  const from = await difficult();
  const want = await listed(from);
  await mkdir(join(dir, "by-tar"));
  await writeFile(join(dir, "ours.tar"), await packed(from));
  await run("tar", ["--extract", "--preserve-permissions", "--file", "ours.tar", "--directory", "by-tar"], {
    cwd: dir,
  });
  assert.equal(await listed(join(dir, "by-tar")), want);
  await rm(join(from, "dangling"));
  await run("tar", ["--create", "--format=posix", "--file", "theirs.tar", "--directory", from, "./a"], { cwd: dir });
  await assert.rejects(async () => write(await readFile(join(dir, "theirs.tar"))), /does not start with its directory/);
});

test("copying over existing files replaces files and links, and keeps the modes of directories", async () => {
  const from = await difficult();
  const bytes = await packed(from);
  await write(bytes);
  const target = join(dir, "target");
  await chmod(join(target, "empty"), 0o700);
  await rm(join(target, "link"));
  await writeFile(join(target, "link"), "a file, now");
  await writeFile(join(target, "a"), "something longer than before");
  await write(bytes);
  assert.equal(await readlink(join(target, "link")), "a");
  assert.equal(await readFile(join(target, "a"), "utf8"), "content");
  assert.equal((await stat(join(target, "empty"))).mode & 0o777, 0o700);
});

test("absolute links into the directory become relative, others stay unchanged", async () => {
  await write(
    archive(
      root,
      link("self", "/home/app/out"),
      link("in", "/home/app/out/x/y"),
      link("out", "/home/app/outside"),
      folder("d/"),
      link("d/in", "/home/app/out/x"),
    ),
  );
  const target = join(dir, "target");
  assert.deepEqual(await Promise.all(["self", "in", "out", "d/in"].map((name) => readlink(join(target, name)))), [
    ".",
    "x/y",
    "/home/app/outside",
    "../x",
  ]);
});

test("sizes over 8 GiB survive the header", async () => {
  const size = 9 * 2 ** 30;
  const header = encodeEntry({
    kind: "file",
    name: Buffer.from("huge"),
    mode: 0o644,
    modified: "1",
    size,
    target: Buffer.alloc(0),
  });
  const reader = new ArchiveReader(cut(header, 512), () => {});
  assert.equal((await reader.next())!.size, size);
});
