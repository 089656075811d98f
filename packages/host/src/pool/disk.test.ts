/** Space on a disk of which the tests say how much of it is free. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fs, { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach, mock, test } from "node:test";
import { reserveSpace, type SpaceOptions } from "./disk.ts";

const MIB = 1024 ** 2;
/** What always stays free. */
const RESERVE_MIB = 2_048;
const EXT4 = 0xef53;
const BTRFS = 0x9123683e;
const dir = mkdtempSync(join(tmpdir(), "sk-disk-"));
after(() => rmSync(dir, { recursive: true, force: true }));
/** MiB that the disk has to spare. */
let spare = 0;
/** What kind of file system it has. */
let type = 0;
let count = 0;

beforeEach(() => {
  [spare, type] = [10, EXT4];
  const statfs = () => ({ type, bavail: RESERVE_MIB + spare, bsize: MIB });
  mock.method(fs, "statfsSync", statfs as unknown as typeof fs.statfsSync);
  syncBuiltinESMExports();
});
afterEach(() => {
  mock.restoreAll();
  syncBuiltinESMExports();
});

const reserve = (mib: number, options: Partial<SpaceOptions> = {}, where = dir) =>
  reserveSpace(where, mib * MIB, { into: [], ...options });
const refused = { code: "NO_SPACE" };

/** A file that is being written. */
function file(): { path: string; write: (mib: number) => void } {
  const path = join(dir, String(count++));
  return {
    path,
    write: (mib) => {
      writeFileSync(path, randomBytes(mib * MIB), { flush: true });
      spare -= mib;
    },
  };
}

test("space that is reserved for one file is not promised to another, until the first one is written", () => {
  {
    using _ = reserve(6);
    assert.throws(() => reserve(6), refused);
  }
  using _ = reserve(6);
});

test("what is written of a file is not counted twice", () => {
  const { path, write } = file();
  using _ = reserve(8, { into: [path] });
  write(6);
  assert.throws(() => reserve(3), refused);
  using _other = reserve(1);
});

test("each file system is counted by itself", () => {
  using _ = reserve(8, {}, "/proc");
  using _other = reserve(8);
});

test("subvolumes of a file system, which have devices of their own, are counted together", () => {
  type = BTRFS;
  using _ = reserve(8, {}, "/proc");
  assert.throws(() => reserve(8), refused);
});

test("a margin must be free, but can be had by others", () => {
  const idle = (mib: number) => reserve(mib, { whenIdle: true, marginBytes: 3 * MIB });
  assert.throws(() => idle(8), refused);
  using _ = idle(6);
  using _other = reserve(4);
});

test("what nobody waits for gives way to what somebody waits for, if both do not fit, and never the other way round", () => {
  using idle = reserve(6, { whenIdle: true });
  using small = reserve(4);
  assert.equal(idle.signal.aborted, false);
  assert.throws(() => reserve(1, { whenIdle: true }), refused);
  using _ = reserve(1);
  assert.equal(idle.signal.aborted, true);
  assert.match(String(idle.signal.reason), /needs the space/);
  assert.equal(small.signal.aborted, false);
});

test("what nobody waits for gives way before there is room, but not for what never fits", () => {
  const { path, write } = file();
  using idle = reserve(8, { whenIdle: true, into: [path] });
  write(7);
  assert.throws(() => reserve(11), refused);
  assert.equal(idle.signal.aborted, false);
  assert.throws(() => reserve(9), refused);
  assert.equal(idle.signal.aborted, true);
});
