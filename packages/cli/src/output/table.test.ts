import assert from "node:assert/strict";
import { test } from "node:test";
import { colours } from "./colour.ts";
import { table } from "./table.ts";

test("columns are as wide as their widest cell, without trailing spaces", () => {
  const text = table(
    [{ title: "ID" }, { title: "SIZE", align: "right" }, { title: "NOTE" }],
    [
      ["a", "10", "x"],
      ["bcd", "9", ""],
    ],
  );
  assert.equal(text, "ID   SIZE  NOTE\na      10  x\nbcd     9\n");
});

test("colours do not count for the width", () => {
  const { red } = colours(true);
  const [, first, second] = table(
    [{ title: "A" }, { title: "B" }],
    [
      [red("x"), "1"],
      ["yy", "2"],
    ],
  ).split("\n");
  assert.equal(first, "\x1b[31mx\x1b[39m   1");
  assert.equal(second, "yy  2");
});
