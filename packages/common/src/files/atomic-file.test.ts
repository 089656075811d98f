import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { createFileAtomically, writeFileAtomically } from "./atomic-file.ts";

const root = mkdtempSync(join(tmpdir(), "sandkeep-atomic-file-"));
after(() => rmSync(root, { recursive: true }));

let count = 0;
/** An empty directory, and a path in it. */
function place(): { dir: string; path: string } {
  const dir = join(root, String(count++));
  mkdirSync(dir);
  return { dir, path: join(dir, "file") };
}

describe("writing a file atomically", () => {
  for (const durable of [true, false]) {
    test(`replaces the content and leaves nothing else (durable: ${durable})`, async () => {
      const { dir, path } = place();
      await writeFileAtomically(path, "old", { durable });
      await writeFileAtomically(path, Buffer.from("new"), { durable });
      assert.equal(readFileSync(path, "utf8"), "new");
      assert.deepEqual(readdirSync(dir), ["file"]);
    });
  }

  test("lets only the owner in, unless told otherwise, whatever the umask and the earlier permissions", async () => {
    const { path } = place();
    const umask = process.umask(0o077);
    try {
      await writeFileAtomically(path, "public", { mode: 0o644 });
      assert.equal(statSync(path).mode & 0o777, 0o644);
      process.umask(0);
      await writeFileAtomically(path, "private");
      assert.equal(statSync(path).mode & 0o777, 0o600);
    } finally {
      process.umask(umask);
    }
  });

  test("replaces a symbolic link, and leaves the file that it names alone", async () => {
    const { dir, path } = place();
    const victim = join(dir, "victim");
    writeFileSync(victim, "untouched");
    symlinkSync(victim, path);
    await writeFileAtomically(path, "new");
    assert.ok(lstatSync(path).isFile());
    assert.equal(readFileSync(path, "utf8"), "new");
    assert.equal(readFileSync(victim, "utf8"), "untouched");
  });

  test("of several writers at once, one wins as a whole", async () => {
    const { dir, path } = place();
    const texts = Array.from({ length: 16 }, (_, n) => String(n).repeat(1_000 * (n + 1)));
    await Promise.all(texts.map((text) => writeFileAtomically(path, text)));
    assert.ok(texts.includes(readFileSync(path, "utf8")));
    assert.deepEqual(readdirSync(dir), ["file"]);
  });

  test("a write that fails leaves what was there, and nothing else", async () => {
    const { dir, path } = place();
    // A directory in its place: renaming onto it fails, as on a full disk.
    mkdirSync(path);
    await assert.rejects(writeFileAtomically(path, "new"), { code: "EISDIR" });
    assert.deepEqual(readdirSync(dir), ["file"]);
    await assert.rejects(writeFileAtomically(join(dir, "missing", "file"), "new"), { code: "ENOENT" });
  });

  test("a writer that is killed in the middle leaves the old content or the new, never half", async () => {
    const { path } = place();
    await writeFileAtomically(path, contentOf(0));
    for (let round = 1; round <= 4; round++) {
      const writer = startWriter(path);
      // After a different number of writes each time, at an arbitrary point.
      await lines(writer, round);
      writer.kill("SIGKILL");
      await once(writer, "close");
      const content = readFileSync(path, "utf8");
      assert.ok(content === contentOf(0) || content === contentOf(1), `${content.length} characters, mixed`);
    }
  });
});

describe("creating a file atomically", () => {
  test("creates it for its owner only and leaves nothing else", async () => {
    const { dir, path } = place();
    assert.equal(await createFileAtomically(path, "first"), true);
    assert.equal(readFileSync(path, "utf8"), "first");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(dir), ["file"]);
  });

  test("leaves alone what is there already, a dangling symbolic link included", async () => {
    const { dir, path } = place();
    await createFileAtomically(path, "first");
    assert.equal(await createFileAtomically(path, "second"), false);
    assert.equal(readFileSync(path, "utf8"), "first");
    const link = join(dir, "link");
    symlinkSync(join(dir, "nowhere"), link);
    assert.equal(await createFileAtomically(link, "content"), false);
    assert.equal(readlinkSync(link), join(dir, "nowhere"));
    assert.deepEqual(readdirSync(dir).sort(), ["file", "link"]);
  });

  test("of several at once exactly one creates it", async () => {
    const { path } = place();
    const created = await Promise.all(Array.from({ length: 16 }, (_, n) => createFileAtomically(path, String(n))));
    assert.deepEqual(created.filter(Boolean).length === 1 && created.indexOf(true), Number(readFileSync(path, "utf8")));
  });
});

/** Long enough that writing it takes several system calls. */
function contentOf(version: number): string {
  return String(version).repeat(512 * 1024);
}

/** A process that writes both contents in turn, for ever, and reports after each write. */
function startWriter(path: string): ChildProcess {
  const program = `
    const { writeFileAtomically } = await import(${JSON.stringify(new URL("atomic-file.ts", import.meta.url).href)});
    for (let n = 1; ; n++) {
      await writeFileAtomically(${JSON.stringify(path)}, String(n % 2).repeat(${contentOf(0).length}));
      console.log(n);
    }`;
  return spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "pipe", "inherit"] });
}

/** Waits until a process has reported this many writes. */
async function lines({ stdout }: ChildProcess, wanted: number): Promise<void> {
  let seen = 0;
  for await (const chunk of stdout!.iterator({ destroyOnReturn: false })) {
    seen += String(chunk).split("\n").length - 1;
    if (seen >= wanted) return;
  }
}
