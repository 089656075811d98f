import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidMemoryError } from "../errors/settings.ts";
import type { Memory } from "./memory.ts";
import { parseMemory } from "./memory.ts";

test("reads bytes and every unit as whole MiB", () => {
  const sizes: [Memory, number][] = [
    [1280 * 1024 ** 2, 1280],
    ["1280MiB", 1280],
    ["1GiB", 1024],
    ["1.5GiB", 1536],
    ["1048576KiB", 1024],
    ["1GB", 953],
    ["1000MB", 953],
    ["1000000kB", 953],
  ];
  for (const [value, mib] of sizes) assert.equal(parseMemory(value), mib, String(value));
});

test("refuses a size outside 768 MiB to 4096 MiB", () => {
  for (const value of [0, 1280, Number.NaN, -1, "767MiB", "4097MiB", "5GiB"] as Memory[]) {
    assert.throws(
      () => parseMemory(value),
      (error) => error instanceof InvalidMemoryError && /768 MiB to 4096 MiB/.test(error.message),
    );
  }
});

test("names the valid units", () => {
  assert.throws(() => parseMemory("1TiB" as Memory), /"TiB" is not a unit.*GiB/);
  assert.throws(() => parseMemory("1constructor" as Memory), InvalidMemoryError);
  assert.throws(() => parseMemory("much" as Memory), /not a size of memory/);
});
