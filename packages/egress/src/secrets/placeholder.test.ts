import assert from "node:assert/strict";
import { test } from "node:test";
import { newPlaceholder, Placeholders } from "./placeholder.ts";
import { PlaceholderForm } from "./placeholder-form.ts";

test("placeholders have the platform's form and are all different", () => {
  const made = Array.from({ length: 100 }, newPlaceholder);
  for (const placeholder of made) assert.match(placeholder, /^DENO_SECRET_PLACEHOLDER_[0-9a-f]{64}$/);
  assert.equal(new Set(made).size, 100);
});

test("replaces those that have a replacement, of whatever form, also next to each other", () => {
  const [a, b, c] = [newPlaceholder(), newPlaceholder(), PlaceholderForm.parse("sk-a.b-…{30}").make("the real value")];
  const placeholders = new Placeholders([a, b, c]);
  const replacement = (placeholder: string) => (placeholder === b ? undefined : "$& value");
  assert.equal(
    placeholders.replace(`x${a}${b}é${a}, ${c}0${c.slice(1)}`, replacement),
    `x$& value${b}é$& value, $& value0${c.slice(1)}`,
  );
  for (const none of ["", a.slice(0, -1), newPlaceholder(), c.slice(1), c.replace("a.b", "axb"), c.toUpperCase()])
    assert.equal(
      placeholders.replace(none, () => "value"),
      none,
    );
  assert.equal(
    new Placeholders([]).replace(a, () => "value"),
    a,
  );
  const around = PlaceholderForm.parse(`${c}…`).make("the real value");
  for (const both of [
    [c, around],
    [around, c],
  ]) {
    assert.equal(
      new Placeholders(both).replace(`${c} ${around}`, (placeholder) => (placeholder === c ? "inner" : "outer")),
      "inner outer",
    );
  }
});
