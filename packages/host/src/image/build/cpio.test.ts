import assert from "node:assert/strict";
import { test } from "node:test";
import { cpio } from "./cpio.ts";

interface Parsed {
  path: string;
  mode: number;
  links: number;
  content: string;
}

/** Parses a "newc" archive as strictly as the kernel's init/initramfs.c does. */
function parse(archive: Buffer): Parsed[] {
  const entries: Parsed[] = [];
  for (let at = 0; ; ) {
    const header = archive.toString("latin1", at, at + 110);
    assert.match(header, /^070701[0-9a-f]{104}$/, `header at ${at}`);
    const field = (n: number) => Number.parseInt(header.slice(6 + n * 8, 14 + n * 8), 16);
    const name = archive.toString("utf8", at + 110, at + 110 + field(11));
    assert.equal(name.at(-1), "\0");
    const start = (at + 110 + field(11) + 3) & ~3;
    const end = start + field(6);
    at = (end + 3) & ~3;
    assert.ok(at <= archive.length, "content is whole");
    if (name === "TRAILER!!!\0") {
      assert.equal(at, archive.length);
      return entries;
    }
    entries.push({
      path: name.slice(0, -1),
      mode: field(1),
      links: field(4),
      content: archive.toString("utf8", start, end),
    });
  }
}

test("an archive holds directories and files with their modes", () => {
  const archive = cpio([
    { path: "modules", mode: 0o755 },
    { path: "modules/order", mode: 0o644, content: Buffer.from("a.ko\n") },
    { path: "init", mode: 0o755, content: Buffer.from("binary") },
  ]);
  assert.deepEqual(parse(archive), [
    { path: "modules", mode: 0o040755, links: 2, content: "" },
    { path: "modules/order", mode: 0o100644, links: 1, content: "a.ko\n" },
    { path: "init", mode: 0o100755, links: 1, content: "binary" },
  ]);
});

test("names and contents of every length are aligned", () => {
  const entries = Array.from({ length: 40 }, (_, n) => ({
    path: "x".repeat(1 + (n % 9)) + n,
    mode: 0o644,
    content: Buffer.alloc(n % 7, 0x61),
  }));
  const parsed = parse(cpio(entries));
  assert.deepEqual(
    parsed.map(({ path, content }) => [path, content.length]),
    entries.map(({ path, content }) => [path, content.length]),
  );
});

test("the same entries make the same bytes", () => {
  const entries = [{ path: "init", mode: 0o755, content: Buffer.from("agent") }];
  assert.deepEqual(cpio(entries), cpio(entries));
});

test("an archive without entries is still an archive", () => {
  assert.deepEqual(parse(cpio([])), []);
});
