import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { layout } from "./layout.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-layout-"));
after(() => rmSync(dir, { recursive: true, force: true }));

test("a folder of machines that somebody else made, or may look into, is refused", () => {
  const data = join(dir, "data");
  const { run } = layout(data);
  chmodSync(run, 0o755);
  assert.throws(() => layout(data), /must be a directory that belongs to this user/);
  rmSync(run, { recursive: true });
  symlinkSync(dir, run);
  assert.throws(() => layout(data), /must be a directory that belongs to this user/);
});

test("a folder of machines whose path is too long for sockets has a short name, or is refused", () => {
  const long = join(dir, "d".repeat(100));
  const before = process.env.TMPDIR;
  try {
    process.env.TMPDIR = dir;
    const { run } = layout(long);
    assert.match(run, new RegExp(`^${dir}/sandkeep-`));
    // What is there can be renamed to become a paused machine.
    assert.equal(realpathSync(run), join(long, "run"));
    assert.equal(layout(long).run, run);
    rmSync(run);
    symlinkSync(dir, run);
    assert.throws(() => layout(long), /must be a link to .* that belongs to this user/);
    rmSync(run);
    // Of an earlier version: empty, or with machines.
    mkdirSync(run, { mode: 0o700 });
    assert.equal(realpathSync(layout(long).run), join(long, "run"));
    rmSync(run);
    mkdirSync(join(run, "0123456789ab"), { recursive: true, mode: 0o700 });
    chmodSync(run, 0o700);
    assert.equal(realpathSync(layout(long).run), run);
    process.env.TMPDIR = join(dir, "t".repeat(100));
    assert.throws(() => layout(long), /too long.*TMPDIR/);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});
