import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { persistentId } from "./persistent-id.ts";

const dir = mkdtempSync(join(tmpdir(), "sandkeep-persistent-id-"));
after(() => rmSync(dir, { recursive: true }));

test("an id stays the same, and another file has another one", async () => {
  const id = await persistentId(join(dir, "a"), "host");
  assert.match(id, /^host_[0-9a-f]{20}$/);
  assert.equal(await persistentId(join(dir, "a"), "host"), id);
  assert.notEqual(await persistentId(join(dir, "b"), "host"), id);
});

test("of several that ask at once, all get the same", async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, () => persistentId(join(dir, "raced"), "cp")));
  assert.equal(new Set(ids).size, 1);
});

test("an id that is broken, or that others may write, is not replaced by another one", async () => {
  writeFileSync(join(dir, "broken"), "host_");
  await assert.rejects(persistentId(join(dir, "broken"), "host"), /must hold an id/);
  await persistentId(join(dir, "open"), "host");
  chmodSync(join(dir, "open"), 0o666);
  await assert.rejects(persistentId(join(dir, "open"), "host"), /must hold an id/);
});
