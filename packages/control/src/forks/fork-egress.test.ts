import assert from "node:assert/strict";
import { test } from "node:test";
import type { EgressSpec } from "@sandkeep/egress";
import { ApiError } from "@sandkeep/protocol";
import { forkEgress } from "./fork-egress.ts";

const PLACEHOLDER = "DENO_SECRET_PLACEHOLDER_00";

const specWith = (count: number, more: object = {}): EgressSpec => ({
  policy: { allow: ["a.example"], deny: [], rules: [] },
  secrets: Array.from({ length: count }, (_, n) => ({
    name: `KEY_${n}`,
    placeholder: PLACEHOLDER,
    hosts: ["a.example"],
    in: ["body"],
    sealed: "sealed",
    ...more,
  })),
});

test("a fork's secret has the sealed value, hosts and places of its parent's, under a new placeholder", () => {
  const spec = specWith(1);
  const { policy, secrets } = forkEgress(spec);
  const [{ placeholder, ...rest }] = secrets as [EgressSpec["secrets"][number]];
  assert.deepEqual(policy, spec.policy);
  assert.match(placeholder, /^DENO_SECRET_PLACEHOLDER_[0-9a-f]{64}$/);
  const inherited = { name: "KEY_0", hosts: ["a.example"], in: ["body"], sealed: "sealed", sealedFor: PLACEHOLDER };
  assert.deepEqual(rest, { ...inherited, aliases: [PLACEHOLDER] });
  const [grandchild] = forkEgress({ policy, secrets }).secrets;
  assert.deepEqual(grandchild!.aliases, [placeholder, PLACEHOLDER]);
  assert.equal(grandchild!.sealedFor, PLACEHOLDER, "the value is still sealed for the first");
});

test("a fork's placeholder has the form that its parent's was requested in", () => {
  const [secret] = forkEgress(specWith(1, { placeholder: `sk-${"a".repeat(43)}`, form: "sk-…" })).secrets;
  assert.match(secret!.placeholder, /^sk-[A-Za-z0-9]{43}$/);
  assert.equal(secret!.form, "sk-…");
});

test("there is an end to generations: the placeholders of ancestors are bounded", () => {
  let spec = specWith(64);
  for (let generation = 0; generation < 8; generation++) spec = forkEgress(spec);
  assert.equal(spec.secrets[0]!.aliases!.length, 8);
  assert.throws(
    () => forkEgress(spec),
    (error) => error instanceof ApiError && error.code === "NOT_FORKABLE",
  );
});
