import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../errors.ts";
import { wholeNumber } from "./number.ts";
import { collect, collectPair } from "./pair.ts";

test("pairs are split at the first equals sign and collected", () => {
  assert.deepEqual(collectPair("B=x=y", collectPair("A=")), { A: "", B: "x=y" });
  for (const text of ["A", "=x", ""]) assert.throws(() => collectPair(text), UsageError, text);
});

test("lists are collected in order", () => {
  assert.deepEqual(collect("b", collect("a")), ["a", "b"]);
});

test("numbers are whole and in range", () => {
  const port = wholeNumber(0, 65_535);
  assert.equal(port("7777"), 7_777);
  for (const text of ["65536", "-1", "1.5", "", "0x10", "1e3"]) assert.throws(() => port(text), UsageError, text);
});
