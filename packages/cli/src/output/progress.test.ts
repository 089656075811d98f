import assert from "node:assert/strict";
import { test } from "node:test";
import { recordedStreams } from "../testing/streams.ts";
import { progressOn } from "./progress.ts";

test("is a line at the start, at the end and now and then without a terminal", () => {
  const recorded = recordedStreams();
  let now = 0;
  const progress = progressOn(recorded.streams.stderr, () => now);
  progress.step("Building");
  progress.fraction(0.1, "a little");
  progress.fraction(0.5, "half");
  progress.fraction(0.6, "a little more");
  now = 2_500;
  progress.step("Starting");
  now = 2_600;
  progress.fail();
  progress.done();
  assert.equal(
    recorded.err,
    "Building …\nBuilding: 50 % (half)\nBuilding: done in 2.5 s\nStarting …\nStarting: failed after 100 ms\n",
  );
});

test("is a bar that redraws itself on a terminal, cut to its width", () => {
  const recorded = recordedStreams({ tty: true });
  recorded.streams.stderr.columns = 30;
  const progress = progressOn(recorded.streams.stderr, () => 0);
  progress.step("Building something with a long name");
  progress.done();
  const [first, last] = recorded.err.split("\r\x1b[K").slice(1);
  assert.equal(first!.length, 29);
  assert.equal(last, "✔ Building something with a long name (0 ms)\n");
});
