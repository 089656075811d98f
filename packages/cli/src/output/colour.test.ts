import assert from "node:assert/strict";
import { test } from "node:test";
import { colours, plain, printable, wantsColour } from "./colour.ts";

test("colours are for terminals, unless told otherwise", () => {
  const terminal = { isTTY: true };
  assert.equal(wantsColour(terminal, {}), true);
  assert.equal(wantsColour({}, {}), false);
  assert.equal(wantsColour(terminal, { NO_COLOR: "1" }), false);
  assert.equal(wantsColour(terminal, { NO_COLOR: "" }), true);
  assert.equal(wantsColour(terminal, { TERM: "dumb" }), false);
  assert.equal(wantsColour({}, { FORCE_COLOR: "1" }), true);
});

test("styles can be removed again", () => {
  assert.equal(plain(colours(true).bold("x")), "x");
  assert.equal(colours(false).bold("x"), "x");
});

test("control characters in untrusted text cannot reach the terminal", () => {
  assert.equal(printable("a\x1b[2Jb\n\t\x07\x9bc"), "a\\x1b[2Jb\\n\\t\\x07\\x9bc");
  assert.equal(printable("häppy 日本 ✔"), "häppy 日本 ✔");
});
