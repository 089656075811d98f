import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError, ERRORS } from "./errors.ts";

test("every entry has sentences and a status of an error", () => {
  for (const [code, { status, summary, remedy }] of Object.entries(ERRORS)) {
    assert.match(code, /^[A-Z][A-Z_]+$/);
    assert.ok(status >= 400 && status < 600, code);
    for (const sentence of [summary, remedy]) assert.match(sentence, /^[A-Z].*\.$/, code);
  }
});

test("an error's JSON has its code, what happened, and what to do", () => {
  const error = new ApiError("NO_CAPACITY", "Only 12 MiB are free.");
  assert.equal(error.status, 503);
  assert.deepEqual(JSON.parse(JSON.stringify(error)), {
    code: "NO_CAPACITY",
    message: "Only 12 MiB are free. Try again later, request less memory, or end a sandbox.",
  });
});
