import assert from "node:assert/strict";
import { test } from "node:test";
import { fc, property } from "../../testing/property.ts";
import { RateWindow } from "./rate.ts";

test("lets as many pass as it may, and again a minute later", () => {
  const window = new RateWindow(3);
  assert.deepEqual(
    [0, 10, 20, 30, 59_999, 60_500, 61_000].map((now) => window.take(now)),
    [true, true, true, false, false, false, true],
  );
});

test("a burst at the end of one minute and the start of the next is one burst", () => {
  const window = new RateWindow(10);
  const passed = Array.from({ length: 40 }, (_, index) => window.take(59_000 + index * 50)).filter(Boolean).length;
  assert.equal(passed, 10);
});

test("a clock that goes back stands still", () => {
  const window = new RateWindow(1);
  assert.equal(window.take(100_000), true);
  assert.equal(window.take(-5_000_000), false);
  assert.equal(window.take(100_500), false);
  assert.equal(window.take(161_000), true);
});

test("clocks may begin anywhere", () => {
  for (const start of [-1e12, -1, 0, 1.5, Date.now(), 1e15]) {
    const window = new RateWindow(1);
    assert.deepEqual(
      [window.take(start), window.take(start + 1000), window.take(start + 61_000)],
      [true, false, true],
      String(start),
    );
  }
});

test("never more than the limit in any 60 seconds, never fewer in 61", () =>
  property(
    [
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.oneof(fc.nat(500), fc.nat(30_000), fc.nat(200_000)), { maxLength: 60 }),
    ],
    (limit, gaps) => {
      const window = new RateWindow(limit);
      const passed: number[] = [];
      let now = 0;
      for (const gap of gaps) {
        now += gap;
        const recent = (ms: number) => passed.filter((at) => at > now - ms).length;
        if (window.take(now)) {
          assert.ok(recent(60_000) < limit);
          passed.push(now);
        } else {
          assert.ok(recent(61_000) >= limit);
        }
      }
    },
  ));
