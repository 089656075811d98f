import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { promisify } from "node:util";
import { archive, cut, folder, link, type Part, root, write as writeTo } from "../testing/archives.ts";
import { END, encodeEntry, paddingOf } from "./header.ts";
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

/** Writes an archive into `target`. @returns what was left out */
const write = (
  bytes: Buffer | AsyncIterable<Uint8Array>,
  target = join(dir, "target"),
  pieceBytes?: number,
  source?: string,
) => writeTo(bytes, target, pieceBytes, source);

test("nothing is written outside the target, whatever the archive contains", async () => {
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

test("where links could redirect files, none are created, and existing ones are refused", async () => {
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

test("invalid archives are refused, and leave no partial file", async () => {
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

test("arbitrary bytes are either an archive or an error, and stay inside the target", async () => {
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

test("an unreasonable time, or a mode with more than permissions, does no harm", async () => {
  for (const modified of ["1e300", "NaN", "-99999999999999", "", "1.5.5"]) {
    await write(archive(root, { name: "file", mode: 0o7777, modified }));
    assert.equal((await lstat(join(dir, "target/file"))).mode & 0o7777, 0o777);
  }
});

test("what the sandbox left out is reported, as text only", async () => {
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
