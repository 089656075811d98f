import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCapacity } from "./capacity.ts";

test("capacities have decimal and binary units", () => {
  for (const [text, bytes] of [
    ["300MB", 300e6],
    ["1GB", 1e9],
    ["1kB", 1e3],
    ["2GiB", 2 ** 31],
    ["512MiB", 2 ** 29],
    ["1KiB", 1024],
    ["1.5GB", 1.5e9],
    ["1 TiB", 2 ** 40],
    ["1000000000", 1e9],
    [1e9, 1e9],
  ] as const)
    assert.equal(parseCapacity(text), bytes, String(text));
});

test("anything else is no capacity", () => {
  for (const text of [
    "",
    "GB",
    "0GB",
    "-1GB",
    "1gb",
    "1 PB",
    "1e9",
    "0x10",
    "1GB ",
    " 1GB",
    "99999999TB",
    "1iB",
    "1.GB",
  ])
    assert.equal(parseCapacity(text), null, text);
  for (const number of [0, -1, 1.5, NaN, Infinity, 2 ** 60]) assert.equal(parseCapacity(number), null, String(number));
});
