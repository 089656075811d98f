import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePythonDict } from "./python-dict.ts";

const parsed = (text: string) => {
  const entries = parsePythonDict(text);
  return entries && Object.fromEntries(entries);
};

test("reads what repr makes of dicts of strings", () => {
  assert.deepEqual(parsed("{}"), {});
  assert.deepEqual(parsed("{'a': 'b'}"), { a: "b" });
  assert.deepEqual(parsed("{'a': 'b', 'c': 'd'}"), { a: "b", c: "d" });
  assert.deepEqual(parsed(`{"it's": 'say "hi"'}`), { "it's": 'say "hi"' });
  assert.deepEqual(parsed("{'a': 'x\\'y\"z'}"), { a: "x'y\"z" });
  assert.deepEqual(parsed("{'\\\\': '\\n\\t\\x00\\xe9\\u200b\\U0001f600'}"), { "\\": "\n\t\0é\u200b😀" });
  assert.deepEqual(parsed("{'a, b': 'c: d}'}"), { "a, b": "c: d}" });
  assert.deepEqual(parsed('{"a":"b"}'), { a: "b" });
});

test("and nothing else", () => {
  for (const text of [
    "",
    "a",
    "{",
    "{'a'}",
    "{'a': 1}",
    "{'a': 'b'",
    "{'a' 'b'}",
    "{'a': 'b' 'c': 'd'}",
    "{'a': None}",
    "{'a': 'b\\q'}",
    "{'a': '\\Uffffffff'}",
    "[]",
  ]) {
    assert.equal(parsePythonDict(text), null, text);
  }
});

test("takes no longer for hostile texts", () => {
  const started = performance.now();
  for (const text of [`{${"'".repeat(16_000)}}`, `{'${"\\".repeat(16_000)}}`, `{${"'a': 'b', ".repeat(1_600)}`])
    parsePythonDict(text);
  assert.ok(performance.now() - started < 500);
});
