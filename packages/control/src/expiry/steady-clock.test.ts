import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { SteadyClock } from "./steady-clock.ts";

test("a clock that is set forward lets nothing expire early; one that is set back is followed", () => {
  const clock = new SteadyClock();
  const before = Date.now();
  const real = Date.now.bind(Date);
  const set = mock.method(Date, "now", () => real() + 7 * 86_400_000);
  try {
    assert.ok(clock.now < before + 86_400_000);
    set.mock.mockImplementation(() => 5);
    assert.equal(clock.now, 5);
  } finally {
    set.mock.restore();
  }
});
