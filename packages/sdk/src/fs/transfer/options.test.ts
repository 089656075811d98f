import assert from "node:assert/strict";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { warn } from "./options.ts";

test("a warning about skipped files has no control characters from the sandbox", async () => {
  const warned = once(process, "warning");
  warn("a\x1b]0;title\x07\nb\x9b2J", "gone");
  const [{ name, message }] = await warned;
  assert.deepEqual([name, message], ["SandkeepWarning", "a\\x1b]0;title\\x07\\x0ab\\x9b2J was not copied: gone"]);
});
