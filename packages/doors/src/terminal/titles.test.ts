import assert from "node:assert/strict";
import { test } from "node:test";

/** The page's own code: it has no types. */
const { pastable, plainTitle, webLink } = await import(new URL("./page/titles.js", import.meta.url).href);

test("a title is one line of plain text", () => {
  assert.equal(plainTitle("vim: a.txt"), "vim: a.txt");
  assert.equal(plainTitle("  a\r\n\tb\u0000\u001b[31mc  "), "a b [31mc");
  assert.equal(plainTitle("exe\u202egpj.\u2066\u200b x\u2028y"), "exe gpj. x y");
  assert.equal(plainTitle("日本語 👍"), "日本語 👍");
  assert.equal(plainTitle("👍".repeat(200)), `${"👍".repeat(80)}…`);
  // Only its beginning is looked at.
  assert.equal(plainTitle(`${" ".repeat(1_000)}late`), "");
});

test("what is pasted cannot say that the paste is over", () => {
  assert.equal(pastable("a\u001b[201~b\u009b201~\u0000\u007f\u0003c"), "a[201~b201~c");
  assert.equal(pastable("two\r\n\tlines 日本語 👍 e\u0301\u200d"), "two\r\n\tlines 日本語 👍 e\u0301\u200d");
});

test("only links of the web are opened", () => {
  assert.equal(webLink("https://example.com/a?b#c"), "https://example.com/a?b#c");
  assert.equal(webLink("http://localhost:8000"), "http://localhost:8000/");
  for (const text of [
    "javascript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "ssh://x",
    "vscode://x",
    "x",
  ])
    assert.equal(webLink(text), null, text);
});
