import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createOverlay, virtualSize } from "./disk.ts";

const dir = mkdtempSync(join(tmpdir(), "sk-disk-"));
after(() => rmSync(dir, { recursive: true, force: true }));

test("an overlay has the size of its image, and is made without opening what it falls through to", async () => {
  const image = join(dir, "image.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image, "123M"]);
  assert.equal(await virtualSize(image), 123 * 1024 ** 2);
  // A machine's disk could name any file as its backing file; this one is not even an image.
  const backing = join(dir, "forged.qcow2");
  writeFileSync(backing, "not an image");
  const overlay = join(dir, "overlay.qcow2");
  await createOverlay(overlay, backing, await virtualSize(image));
  assert.ok(existsSync(overlay));
  assert.equal(await virtualSize(overlay), 123 * 1024 ** 2);
});

test("what is no qcow2 image has no size", async () => {
  for (const [name, text] of [
    ["empty", ""],
    ["raw", "x".repeat(1_000)],
  ] as const) {
    writeFileSync(join(dir, name), text);
    await assert.rejects(virtualSize(join(dir, name)), /is not a qcow2 image/);
  }
});
