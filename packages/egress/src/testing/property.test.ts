import assert from "node:assert/strict";
import { test } from "node:test";
import { fc, property } from "./property.ts";

test("a property that holds passes", () =>
  property([fc.integer(), fc.integer()], (a, b) => assert.equal(a + b, b + a)));

test("a failure says how to replay it", async () => {
  const failure = await property([fc.nat()], (n) => n < 1000).then(
    () => undefined,
    (error: unknown) => error as Error,
  );
  assert.match(String(failure?.message), /SANDKEEP_SEED=\d+ SANDKEEP_PATH=[\d:]+/);
  assert.match(String(failure?.message), /Counterexample: \[1000\]/);
});

test("asynchronous properties are awaited", async () => {
  await assert.rejects(
    property([fc.nat()], (n) => Promise.resolve(n < 5)),
    /Counterexample: \[5\]/,
  );
});

test("time bounds a property that would go on", async () => {
  let cases = 0;
  await property([fc.nat()], () => void cases++, { ms: 50 });
  assert.ok(cases > 0);
});
