import assert from "node:assert/strict";
import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { reserveSpace } from "./disk.ts";

test("space that is reserved for one file is not promised to another, until the first one is written", () => {
  const { bavail, bsize } = statfsSync(tmpdir());
  // More than half of what is there; others use the disk meanwhile.
  const bytes = Math.floor((bavail * bsize - 2 * 1024 ** 3) * 0.6);
  assert.ok(bytes > 0, "the computer's disk is full");
  const reserve = () => reserveSpace(tmpdir(), bytes);
  {
    using _ = reserve();
    assert.throws(reserve, { code: "NO_SPACE" });
  }
  using _ = reserve();
});
