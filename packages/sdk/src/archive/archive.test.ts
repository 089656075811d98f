import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import { END, type Entry, encodeEntry, paddingOf } from "./header.ts";
import { readDirectory } from "./read-directory.ts";
import { ArchiveReader } from "./reader.ts";
import { writeDirectory } from "./write-directory.ts";
import { refuseLink } from "./write-file.ts";

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

type Part = Partial<Omit<Entry, "name" | "target">> & { name: string | Buffer; target?: string; content?: string };

/** An archive as a hostile sandbox may make it. */
function archive(...parts: Part[]): Buffer {
  const bytes = parts.flatMap(
    ({ name, kind = "file", mode = 0o644, modified = "1000000000.5", target = "", content = "evil", size }) => {
      const body = Buffer.from(kind === "file" ? content : "");
      const header = encodeEntry({
        kind,
        name: Buffer.from(name),
        mode,
        modified,
        size: size ?? body.length,
        target: Buffer.from(target),
      });
      return [header, body, Buffer.alloc(paddingOf(body.length))];
    },
  );
  return Buffer.concat([...bytes, END]);
}

const root: Part = { kind: "directory", name: "./", mode: 0o755 };
const folder = (name: string): Part => ({ kind: "directory", name, mode: 0o755 });
const link = (name: string, target: string): Part => ({ kind: "link", name, target });

/** Writes an archive that arrives in pieces of some size. @returns what was left out */
async function write(
  bytes: Buffer | AsyncIterable<Uint8Array>,
  target = join(dir, "target"),
  pieceBytes = 64 * 1024,
  source = "/home/app/out",
): Promise<string[]> {
  const skipped: string[] = [];
  const onSkip = (path: string, reason: string) => void skipped.push(`${path}: ${reason}`);
  const pieces = Buffer.isBuffer(bytes) ? cut(bytes, pieceBytes) : bytes;
  await writeDirectory(new ArchiveReader(pieces, onSkip), target, { source, followTarget: false, onSkip });
  return skipped;
}

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

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

test("a directory comes back as it was, however its archive is cut into pieces", async () => {
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

test("copying over what is there replaces files and links, and keeps the modes of directories", async () => {
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

test("absolute links to something in the directory become relative, others stay", async () => {
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

test("nothing is written outside of the target, whatever the archive holds", async () => {
  const outside = join(dir, "outside");
  await mkdir(outside);
  await writeFile(join(outside, "file"), "precious");
  await symlink(outside, join(dir, "was-there"));
  const attempts: Record<string, Part[]> = {
    "a name above": [root, { name: "../evil" }],
    "a name above, below": [root, folder("d/"), { name: "d/../../evil" }],
    "an absolute name": [root, { name: `${outside}/evil` }],
    "two slashes": [root, { name: `/${outside}/evil` }],
    "a directory above": [root, folder("../evil/")],
    "dot as a name": [root, folder("./")],
    "dots as a directory": [root, folder("../")],
    "an empty name": [root, { name: "/" }],
    "no directory first": [{ name: "evil" }],
    "another directory first": [folder("../evil/")],
    "a link first": [link("./", outside)],
    "a file first": [{ name: "./" }],
    "without its directory": [root, { name: "d/evil" }],
    "through a link": [root, link("l", outside), { name: "l/evil" }],
    "a directory where a link is": [root, link("l", outside), folder("l/"), { name: "l/evil" }],
    "a link in place of a directory": [root, folder("l/"), link("l", outside), { name: "l/evil" }],
    "a link in place of a directory that was left": [
      root,
      folder("l/"),
      { name: "x" },
      link("l", outside),
      folder("l/"),
      { name: "l/evil" },
    ],
    "a file where a link is": [root, link("l", `${outside}/file`), { name: "l" }],
    "a large file where a link is": [
      root,
      link("l", `${outside}/file`),
      { name: "l", content: "evil".repeat(100_000) },
    ],
    "links to links": [root, link("a", ".."), link("b", "a"), { name: "b/evil" }],
    "a directory through what was there": [root, folder("was-there/"), { name: "was-there/evil" }],
    "a file through what was there": [root, { name: "was-there/evil" }],
    "a name with a slash at its end": [root, { name: "evil/" }],
  };
  for (const [what, parts] of Object.entries(attempts)) {
    const target = join(dir, "target");
    await mkdir(target);
    await symlink(outside, join(target, "was-there"));
    await assert.rejects(write(archive(...parts)), what);
    await rm(target, { recursive: true });
    assert.deepEqual(await readdir(outside), ["file"], what);
    assert.equal(await readFile(join(outside, "file"), "utf8"), "precious", what);
    assert.deepEqual((await readdir(dir)).sort(), ["outside", "was-there"], what);
  }
});

test("the target itself is followed only if the user named it", async () => {
  await mkdir(join(dir, "outside"));
  await symlink("outside", join(dir, "target"));
  await assert.rejects(write(archive(root, { name: "file" })), { code: "EEXIST" });
  const reader = new ArchiveReader(cut(archive(root, { name: "file" }), 1000), () => {});
  await writeDirectory(reader, join(dir, "target"), { source: "/x", followTarget: true, onSkip: () => {} });
  assert.equal(await readFile(join(dir, "outside/file"), "utf8"), "evil");
});

test("where links could lead files elsewhere none is made, and one that is there is refused", async () => {
  const outside = join(dir, "outside");
  await mkdir(outside);
  const skipped: string[] = [];
  const parts = [root, link("l", outside), folder("l/"), { name: "l/file" }, link("m", `${outside}/x`), { name: "m" }];
  const reader = new ArchiveReader(cut(archive(...parts), 1000), () => {});
  await writeDirectory(reader, join(dir, "target"), {
    source: "/x",
    followTarget: false,
    makeLinks: false,
    onSkip: (path) => void skipped.push(path),
  });
  assert.deepEqual(skipped, [join(dir, "target/l"), join(dir, "target/m")]);
  assert.deepEqual(await readdir(outside), []);
  await refuseLink(join(dir, "target/m"));
  await symlink(outside, join(dir, "was-there"));
  await assert.rejects(refuseLink(join(dir, "was-there")), { code: "ELOOP" });
});

test("archives that are none are refused, and leave no half a file", async () => {
  const good = archive(root, { name: "file", content: "x".repeat(300_000) }, { name: "small" });
  const flagged = (flag: string) => {
    const bytes = archive(root, { name: "a", content: "" });
    const at = bytes.length - END.length - 512;
    const sum = parseInt(bytes.toString("latin1", at + 148, at + 154), 8) - bytes[at + 156]! + flag.charCodeAt(0);
    bytes.write(flag, at + 156, "latin1");
    bytes.write(sum.toString(8).padStart(6, "0"), at + 148, "latin1");
    return bytes;
  };
  const wrongSum = archive(root, { name: "a", content: "" });
  wrongSum[wrongSum.length - END.length - 512 + 100] = "1".charCodeAt(0);
  const broken: Record<string, Buffer> = {
    nothing: Buffer.alloc(0),
    "an end and nothing before": END,
    noise: Buffer.from("noise".repeat(1000)),
    "cut in a header": good.subarray(0, 300),
    "cut in content": good.subarray(0, 200_000),
    "cut before the end": good.subarray(0, good.length - END.length),
    "a hard link": flagged("1"),
    "a character device": flagged("3"),
    "a block device": flagged("4"),
    "a FIFO": flagged("6"),
    "GNU's long name": flagged("L"),
    "GNU's sparse file": flagged("S"),
    "a directory with content": archive(root, { ...folder("d/"), size: 5 }),
    "a link with content": archive(root, { ...link("l", "x"), size: 5 }),
    "a wrong sum": wrongSum,
    "records that are too long": archive(root, { name: "n".repeat(300 * 1024) }),
    "a NUL in a name": archive(root, { name: "a\0b" }),
    "a NUL in what a link holds": archive(root, link("l", "a\0b")),
    "too many directories below each other": archive(
      root,
      ...Array.from({ length: 513 }, (_, depth) => folder("d/".repeat(depth + 1))),
    ),
    "a size that is none": archive(root, { name: "a", size: 2 ** 60 }),
  };
  for (const [what, bytes] of Object.entries(broken)) {
    await assert.rejects(write(bytes), { name: "ArchiveError" }, what);
    assert.ok(
      !(await readdir(join(dir, "target")).catch(() => [] as string[])).includes("file") ||
        what === "cut before the end",
      what,
    );
    await rm(join(dir, "target"), { recursive: true, force: true });
  }
});

test("any bytes are either an archive or an error, and stay inside", async () => {
  const good = archive(root, { name: "file" }, folder("d/"), { name: "d/x" }, link("l", "file"));
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(good);
    for (let changes = 1 + random(4); changes; changes--) bytes[random(bytes.length)] = random(256);
    await write(bytes, join(dir, "target"), 512 + random(2000)).catch((error: Error) => assert.ok(error.message));
    assert.deepEqual(await readdir(dir), (await readdir(dir)).includes("target") ? ["target"] : []);
    await rm(join(dir, "target"), { recursive: true, force: true });
  }
});

test("a time that makes no sense, or a mode that is more than permissions, does no harm", async () => {
  for (const modified of ["1e300", "NaN", "-99999999999999", "", "1.5.5"]) {
    await write(archive(root, { name: "file", mode: 0o7777, modified }));
    assert.equal((await lstat(join(dir, "target/file"))).mode & 0o7777, 0o777);
  }
});

test("what the sandbox left out is told, and not more than text", async () => {
  const global = (value: string) => {
    const record = Buffer.from(`SANDKEEP.skipped=${value}\n`);
    const body = Buffer.concat([Buffer.from(`${record.length + 3} `), record]);
    const header = encodeEntry({
      kind: "file",
      name: Buffer.from("x"),
      mode: 0,
      modified: "0",
      size: body.length,
      target: Buffer.alloc(0),
    }).subarray(-512);
    const sum = parseInt(header.toString("latin1", 148, 154), 8) - "0".charCodeAt(0) + "g".charCodeAt(0);
    header.write("g", 156, "latin1");
    header.write(sum.toString(8).padStart(6, "0"), 148, "latin1");
    return Buffer.concat([header, body, Buffer.alloc(paddingOf(body.length))]);
  };
  const start = archive(root).subarray(0, -END.length);
  assert.deepEqual(
    await write(Buffer.concat([start, global(`{"path":"p","reason":"r"}`), global(`{"path":1}`), global("null"), END])),
    ["p: r"],
  );
  await assert.rejects(write(Buffer.concat([start, global("{"), END])), { name: "ArchiveError" });
  await assert.rejects(
    write(Buffer.concat([start, ...Array.from({ length: 1001 }, () => global("{}")), END])),
    /too many headers/,
  );
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
