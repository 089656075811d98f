import assert from "node:assert/strict";
import { test } from "node:test";
import { pauseAfter, suggestedRenewal, usualRenewal } from "./renewal-time.ts";

const DAY_MS = 24 * 60 * 60_000;
const certificate = { validFrom: 0, expiresAt: 90 * DAY_MS };

test("a certificate is renewed when a third of its time is left", () => {
  assert.equal(usualRenewal(certificate), 60 * DAY_MS);
  assert.equal(usualRenewal({ validFrom: 0, expiresAt: 6 * DAY_MS }), 4 * DAY_MS);
});

test("a suggestion is followed somewhere within its window, but not until the certificate expires", () => {
  const window = { start: 10 * DAY_MS, end: 12 * DAY_MS };
  assert.equal(suggestedRenewal(certificate, window, 0), 10 * DAY_MS);
  assert.equal(suggestedRenewal(certificate, window, 0.5), 11 * DAY_MS);
  assert.equal(suggestedRenewal(certificate, { start: 200 * DAY_MS, end: 300 * DAY_MS }, 0.5), 81 * DAY_MS);
});

test("pauses after failures grow to hours, and leave at most four failures in an hour", () => {
  const minutes = (failures: number, random = 0) => pauseAfter(failures, random) / 60_000;
  assert.deepEqual(
    [1, 2, 3, 4].map((failures) => minutes(failures)),
    [5, 10, 20, 40],
  );
  assert.equal(minutes(1, 1), 6);
  assert.equal(minutes(50), 360);
});
