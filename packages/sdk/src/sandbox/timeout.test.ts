import assert from "node:assert/strict";
import { test } from "node:test";
import { InvalidTimeoutError } from "../errors/settings.ts";
import { parseTimeout } from "./timeout.ts";

test("reads seconds and minutes", () => {
  assert.equal(parseTimeout("90s"), 90_000);
  assert.equal(parseTimeout("5m"), 300_000);
  assert.equal(parseTimeout("1.5m"), 90_000);
});

test("accepts session as no duration", () => {
  assert.equal(parseTimeout("session"), undefined);
  assert.equal(parseTimeout(undefined), undefined);
});

test("refuses what is not a positive duration", () => {
  for (const timeout of ["", "5", "5h", "m", "0s", "-5m", "5 m", "1e3s", "5ms"]) {
    assert.throws(() => parseTimeout(timeout), InvalidTimeoutError, timeout);
  }
});
