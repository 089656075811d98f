import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { bzImage, KERNEL } from "../testing/fake-kernel.ts";
import { unpackKernel } from "./kernel.ts";

test("the kernel is taken out of Debian's bzImage", async () => {
  assert.deepEqual(await unpackKernel(bzImage(zstdCompressSync(KERNEL))), KERNEL);
});

test("a kernel that is packed in another way, or is none, stays as it is", async () => {
  const old = bzImage(zstdCompressSync(KERNEL));
  old.writeUInt16LE(0x207, 0x206);
  const others = [
    bzImage(gzipSync(KERNEL)),
    bzImage(zstdCompressSync(Buffer.from("no ELF"))),
    old,
    KERNEL,
    Buffer.alloc(0),
  ];
  for (const other of others) assert.equal(await unpackKernel(other), null);
});
