import assert from "node:assert/strict";
import { test } from "node:test";
import type { Decision } from "../policy/mod.ts";
import { fc, property } from "../testing/property.ts";
import { Ongoing } from "./ongoing.ts";

const decision = (allowed: boolean): Decision => ({ allowed, rule: null, reason: "" });

test("whatever begins, ends and changes in whatever order: nothing goes on that is not allowed, and nothing is cut that is, or twice", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("begin" as const), host: fc.nat(3) }),
    fc.record({ kind: fc.constant("release" as const), which: fc.nat(20) }),
    // What is allowed from then on.
    fc.record({ kind: fc.constant("change" as const), allowed: fc.subarray([0, 1, 2, 3]) }),
  );
  return property([fc.array(step, { maxLength: 40 })], (steps) => {
    let allowed = [0, 1, 2, 3];
    const ongoing = new Ongoing();
    const all: { host: number; cuts: number; released: boolean; release: () => void }[] = [];
    for (const step of steps) {
      if (step.kind === "begin") {
        const one = { host: step.host, cuts: 0, released: false, release: () => {} };
        one.release = ongoing.hold(
          () => decision(allowed.includes(one.host)),
          () => one.cuts++,
        );
        all.push(one);
      } else if (step.kind === "release") {
        const one = all[step.which];
        if (one) {
          one.released = true;
          one.release();
        }
      } else {
        const before = all.map(({ cuts }) => cuts);
        allowed = step.allowed;
        ongoing.review();
        all.forEach((one, at) => {
          if (allowed.includes(one.host) || one.released) assert.equal(one.cuts, before[at]);
        });
      }
      for (const one of all) {
        assert.ok(one.cuts <= 1);
        if (!one.released && !allowed.includes(one.host)) assert.equal(one.cuts, 1);
      }
    }
  });
});

test("what is cut may end others, and what comes after the end is cut at once", () => {
  const ongoing = new Ongoing();
  let allowed = true;
  const cuts: string[] = [];
  const release = ongoing.hold(
    () => decision(allowed),
    () => cuts.push("never"),
  );
  ongoing.hold(
    () => decision(allowed),
    () => cuts.push("second"),
  );
  const first = new Ongoing();
  first.hold(
    () => decision(allowed),
    () => release(),
  );
  allowed = false;
  first.review();
  ongoing.review();
  assert.deepEqual(cuts, ["second"]);
  ongoing.end(decision(false));
  ongoing.hold(
    () => decision(true),
    () => cuts.push("late"),
  );
  assert.deepEqual(cuts, ["second", "late"]);
});
