import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { parseOutcome } from "./schema.ts";

test("an error of the guest says only so much", () => {
  const error = { constructorName: "Error", message: "x".repeat(1024 * 1024) };
  const outcome = parseOutcome(z.null(), { error });
  assert.ok("error" in outcome);
  assert.equal(outcome.error.message, `${"x".repeat(8_192)}…`);
});
