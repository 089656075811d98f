import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../errors.ts";
import { formatBytes, parseBytes, parseMemory } from "./bytes.ts";

test("reads decimal and binary units", () => {
  const known: [string, number][] = [
    ["0", 0],
    ["512", 512],
    ["1kB", 1_000],
    ["1KiB", 1_024],
    ["2g", 2 ** 31],
    ["1.5GiB", 1.5 * 2 ** 30],
    ["1 GB", 1e9],
  ];
  for (const [text, bytes] of known) assert.equal(parseBytes(text), bytes, text);
});

test("refuses what is not a size", () => {
  for (const text of ["", "GB", "-1", "1XB", "1..5G", "1e3"]) assert.throws(() => parseBytes(text), UsageError, text);
});

test("reads a bare number as MiB", () => {
  assert.equal(parseMemory("2048"), 2_048);
  assert.equal(parseMemory("2GiB"), 2_048);
  assert.equal(parseMemory("1GB"), 953);
});

test("shows sizes in binary units", () => {
  const known: [number, string][] = [
    [0, "0 B"],
    [1_023, "1023 B"],
    [1_331, "1.3 KiB"],
    [559 * 2 ** 20, "559 MiB"],
    [2 ** 31, "2.0 GiB"],
  ];
  for (const [bytes, text] of known) assert.equal(formatBytes(bytes), text);
});
