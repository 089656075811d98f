import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_PATTERNS, MAX_RULES, namePatternSchema, policySpecSchema } from "./schema.ts";

const messages = (value: unknown) =>
  policySpecSchema.safeParse(value).error?.issues.map(({ path, message }) => [path.join("."), message]);

test("what is left out is open", () => {
  assert.deepEqual(policySpecSchema.parse({}), { allow: null, deny: [], rules: [] });
  assert.deepEqual(policySpecSchema.parse({ allow: [] }), { allow: [], deny: [], rules: [] });
});

test("an error names the pattern and the reason", () => {
  assert.deepEqual(messages({ allow: ["ok.example", "https://x"], deny: ["*"] }), [
    ["allow.1", 'The pattern "https://x" is not valid: it is a URL; write only the host, such as "x".'],
    [
      "deny.0",
      'The pattern "*" is not valid: "*" alone would match everything; to allow every public host, leave out allowNet.',
    ],
  ]);
  assert.equal(messages({ rules: [{ host: "x.example", paths: ["v1"] }] })?.[0]?.[0], "rules.0.paths.0");
});

test("what is not known is refused, and so is too much", () => {
  for (const value of [
    null,
    [],
    { allowed: [] },
    { allow: "x.example" },
    { allow: [1] },
    { rules: [{ host: "x.example", method: "GET" }] },
    { allow: Array(MAX_PATTERNS + 1).fill("x.example") },
    { rules: Array(MAX_RULES + 1).fill({ host: "x.example" }) },
  ])
    assert.equal(policySpecSchema.safeParse(value).success, false);
});

test("a secret's host is a name", () => {
  assert.equal(namePatternSchema.safeParse("*.example.com:443").success, true);
  assert.match(namePatternSchema.safeParse("10.0.0.1").error!.issues[0]!.message, /use the host's name/);
});
