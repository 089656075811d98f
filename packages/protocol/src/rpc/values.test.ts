import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { test } from "node:test";
import { z } from "zod";
import { bytesSchema, decodeBase64, maybe, timeSchema } from "./values.ts";

test("base64 decodes what any encoder wrote", () => {
  for (let round = 0; round < 500; round++) {
    const bytes = randomBytes(randomInt(0, 200));
    assert.deepEqual(decodeBase64(bytes.toString("base64")), bytes);
  }
});

test("base64 refuses whatever is not standard base64", () => {
  for (const text of [
    "=",
    "A",
    "AA",
    "AAA",
    "AAAAA",
    "====",
    "A===",
    "=AAA",
    "AA=A",
    "AAA\n",
    "AA A",
    "AAA-",
    "AA_A",
    "AAA\u0000",
    "ÄAAA",
    "AA==AAAA",
    "AAAA=AAA",
  ]) {
    assert.equal(decodeBase64(text), null, JSON.stringify(text));
  }
});

test("base64 with one character changed to one outside the alphabet is refused", () => {
  const outside = "!\"#$%&'()*,-.:;<>?@[\\]^_`{|}~ \t\n\u00e9\u{1f600}";
  for (let round = 0; round < 500; round++) {
    const text = randomBytes(randomInt(3, 60)).toString("base64");
    const at = randomInt(0, text.length);
    const broken = text.slice(0, at) + outside[randomInt(0, outside.length)] + text.slice(at + 1);
    assert.equal(decodeBase64(broken), null, JSON.stringify(broken));
  }
});

test("malformed base64 is a validation error that says what was expected", () => {
  const { error } = bytesSchema.safeParse("?");
  assert.equal((error!.issues[0] as { expected?: string }).expected, "base64");
});

test("an optional value is absent, undefined or null", () => {
  const schema = z.object({ key: maybe(z.string()) });
  for (const params of [{}, { key: undefined }, { key: null }]) assert.equal(schema.parse(params).key, undefined);
  assert.equal(schema.parse({ key: "" }).key, "");
  assert.equal(schema.safeParse({ key: 1 }).success, false);
});

test("times are ISO strings, or seconds as numbers", () => {
  assert.equal(timeSchema.parse("1970-01-01T00:00:01.500Z"), 1500);
  assert.equal(timeSchema.parse(1.5), 1500);
  for (const bad of ["yesterday", "", 1e300, null, true])
    assert.equal(timeSchema.safeParse(bad).success, false, String(bad));
});
