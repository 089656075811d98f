import assert from "node:assert/strict";
import { test } from "node:test";
import { findPlaceholders, newPlaceholder, PLACEHOLDER_LENGTH, replacePlaceholders } from "./placeholder.ts";

test("placeholders have the platform's form and are all different", () => {
  const made = Array.from({ length: 100 }, newPlaceholder);
  for (const placeholder of made) {
    assert.match(placeholder, /^DENO_SECRET_PLACEHOLDER_[0-9a-f]{64}$/);
    assert.equal(placeholder.length, PLACEHOLDER_LENGTH);
  }
  assert.equal(new Set(made).size, 100);
});

test("finds placeholders in texts and bytes, also next to each other", () => {
  const [a, b] = [newPlaceholder(), newPlaceholder()];
  const text = `x${a}${b}é${a}`;
  assert.deepEqual(findPlaceholders(text).map(({ placeholder }) => placeholder), [a, b, a]);
  assert.deepEqual(findPlaceholders(Buffer.from(text)).map(({ index }) => index), [1, 1 + PLACEHOLDER_LENGTH, 3 + 2 * PLACEHOLDER_LENGTH]);
  assert.deepEqual(findPlaceholders(a.slice(0, -1)), []);
});

test("replaces those that have a replacement", () => {
  const [a, b] = [newPlaceholder(), newPlaceholder()];
  assert.equal(replacePlaceholders(`${a}, ${b}`, (placeholder) => (placeholder === a ? "$& value" : undefined)), `$& value, ${b}`);
});
