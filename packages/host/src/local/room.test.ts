import assert from "node:assert/strict";
import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { NoCapacity } from "../contract.ts";
import { RESERVE_MIB } from "../pool/disk.ts";
import { reserveDisk } from "./room.ts";

test("what is about to be written counts as written, until it is", () => {
  const dir = tmpdir();
  const { bavail, bsize } = statfsSync(dir);
  const spareMiB = (bavail * bsize) / 1024 ** 2 - RESERVE_MIB;
  // That fits once, not twice, whatever others write meanwhile.
  const most = Math.floor(0.6 * spareMiB);
  {
    using _reserved = reserveDisk(dir, most);
    assert.throws(() => reserveDisk(dir, most), NoCapacity);
  }
  reserveDisk(dir, most)[Symbol.dispose]();
});
