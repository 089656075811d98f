import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_MEMORY_MIB, sizeOf } from "./size.ts";

test("whatever memory is asked for, machines have few sizes, and none has less", () => {
  const sizes = new Set<number>();
  for (let memoryMiB = 768; memoryMiB <= 4_096; memoryMiB++) {
    const size = sizeOf(memoryMiB).memoryMiB;
    assert.ok(size >= memoryMiB && size <= 4_096);
    assert.equal(sizeOf(size).memoryMiB, size);
    sizes.add(size);
  }
  assert.equal(sizes.size, 14);
  assert.equal(sizeOf(DEFAULT_MEMORY_MIB).memoryMiB, DEFAULT_MEMORY_MIB);
});
