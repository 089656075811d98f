/** The published SDK may not depend on private packages, so it repeats parts of them. This test compares the two. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isSandboxId, newSandboxId, parseDuration } from "../../packages/protocol/src/mod.ts";
import { regionOf } from "../../packages/sdk/src/sandbox/id.ts";
import { parseTimeout } from "../../packages/sdk/src/sandbox/timeout.ts";

/** The function's result; undefined if it throws. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

test("the SDK takes for an id exactly what the server does, and finds the region in it", () => {
  const id = newSandboxId("ams");
  assert.equal(regionOf(id), "ams");
  const others = [...id].flatMap((_, at) => [
    id.slice(0, at) + id.slice(at + 1),
    ...["i", "l", "o", "u", "A", "0", "_", "-", "é", "\n"].map(
      (character) => id.slice(0, at) + character + id.slice(at + 1),
    ),
  ]);
  for (const text of [id, ...others, "", `${id}0`, `${id}\n`, ` ${id}`, id.toUpperCase()])
    assert.equal(attempt(() => regionOf(text)) !== undefined, isSandboxId(text), JSON.stringify(text));
});

test("a whole number of seconds or minutes is the same time to the SDK and the server", () => {
  for (const unit of ["s", "m"]) {
    for (const count of ["0", "00", "1", "9", "59", "090", "600", "1800", "999999999"]) {
      const text = count + unit;
      assert.equal(
        attempt(() => parseTimeout(text)),
        parseDuration(text) ?? undefined,
        text,
      );
    }
  }
});

test("what is no duration to the server is none to the SDK either, fractions apart, which it turns into milliseconds itself", () => {
  for (const text of [
    "",
    "5",
    "s",
    "-5m",
    "+5m",
    "5 m",
    " 5m",
    "5m ",
    "5M",
    "1h30m",
    "1m30s",
    "1e3s",
    "0x5s",
    "5ms",
    "5d",
    "٣s",
  ]) {
    assert.equal(parseDuration(text), null, text);
    assert.equal(
      attempt(() => parseTimeout(text)),
      undefined,
      text,
    );
  }
  assert.equal(parseDuration("1.5m"), null);
  assert.equal(parseTimeout("1.5m"), 90_000);
});
