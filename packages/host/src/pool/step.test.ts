import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FIRST_CLONES, nextStep, type Step } from "./step.ts";
import { CLONE_MIB, HEAT_MIB, memoryOf, type Waiting } from "./targets.ts";

const NONE: Waiting = { clones: 0, hot: 0, processes: 0 };

/** All pools of up to seven clones and three processes. */
const POOLS = Array.from({ length: 8 }, (_, clones) =>
  Array.from({ length: clones + 1 }, (_, hot) => [0, 1, 2, 3].map((processes) => ({ clones, hot, processes }))),
).flat(2);
const WANTED = POOLS.filter(({ clones, hot }) => hot <= clones / 2);

const OPPOSITES: [Step, Step][] = [
  ["add clone", "drop warm"],
  ["heat", "drop hot"],
  ["add process", "drop process"],
];

function done({ clones, hot, processes }: Waiting, step: Step): Waiting {
  switch (step) {
    case "add clone":
      return { clones: clones + 1, hot, processes };
    case "heat":
      return { clones, hot: hot + 1, processes };
    case "add process":
      return { clones, hot, processes: processes + 1 };
    case "drop hot":
      return { clones: clones - 1, hot: hot - 1, processes };
    case "drop warm":
      return { clones: clones - 1, hot, processes };
    case "drop process":
      return { clones, hot, processes: processes - 1 };
    default:
      return { clones, hot, processes };
  }
}

/** The steps of a pool until it has nothing to do. */
function stepsOf(from: Waiting, want: Waiting, budgetMiB = Infinity): { steps: Step[]; end: Waiting; most: number } {
  const steps: Step[] = [];
  let has = from;
  let most = memoryOf(from);
  for (let step: Step; (step = nextStep(has, want, false, budgetMiB)) !== "rest"; ) {
    has = done(has, step);
    most = Math.max(most, memoryOf(has));
    steps.push(step);
    assert.ok(steps.length < 50, `it goes on and on: ${JSON.stringify({ from, want, steps })}`);
  }
  return { steps, end: has, most };
}

describe("the steps of a warm pool", () => {
  test("lead from every pool to what it should have, and none is taken back", () => {
    for (const from of POOLS) {
      for (const want of WANTED) {
        const { steps, end } = stepsOf(from, want);
        assert.deepEqual([end.clones, end.processes], [want.clones, want.processes]);
        assert.ok(end.hot === want.hot || (want.clones < 2 && end.hot < want.hot), JSON.stringify({ from, want, end }));
        const count = (step: Step) => steps.filter((each) => each === step).length;
        for (const [add, drop] of OPPOSITES)
          assert.ok(count(add) === 0 || count(drop) === 0, JSON.stringify({ from, want, steps }));
        // A hot clone cannot become warm again: another one takes its place.
        const excess = Math.max(0, from.hot - want.hot);
        assert.ok(count("add clone") <= Math.max(0, want.clones - from.clones) + excess);
        assert.ok(count("drop hot") <= excess, JSON.stringify({ from, want, steps }));
      }
    }
  });

  test("never use a machine that is not there, and leave one to be taken while another is heated", () => {
    for (const has of POOLS) {
      for (const want of WANTED) {
        const step = nextStep(has, want, false, Infinity);
        const { clones, hot, processes } = done(has, step);
        assert.ok(hot >= 0 && hot <= clones && processes >= 0, JSON.stringify({ has, want, step }));
        if (step === "heat") assert.ok(has.clones > 1);
      }
    }
  });

  test("give memory back even while others need the processors, and otherwise only provide the first clones", () => {
    const want = { clones: 6, hot: 2, processes: 2 };
    assert.equal(nextStep({ clones: 7, hot: 2, processes: 2 }, want, true, Infinity), "drop warm");
    assert.equal(nextStep({ clones: 7, hot: 3, processes: 2 }, want, true, Infinity), "drop hot");
    assert.equal(nextStep(NONE, want, true, Infinity), "add clone");
    assert.equal(nextStep({ ...NONE, clones: 2 }, want, true, Infinity), "wait");
    assert.equal(
      nextStep({ clones: 6, hot: 6, processes: 2 }, want, true, Infinity),
      "wait",
      "another would have to be made",
    );
  });

  test("replace hot clones by warm ones when fewer should be hot, as after a peak", () => {
    const { steps, end } = stepsOf({ clones: 6, hot: 4, processes: 0 }, { clones: 6, hot: 2, processes: 0 });
    assert.deepEqual(steps, ["drop hot", "add clone", "drop hot", "add clone"]);
    assert.deepEqual(end, { clones: 6, hot: 2, processes: 0 });
  });

  test("never take more memory than the budget on the way, even if hot clones must give way to more clones", () => {
    for (const from of POOLS.filter(({ clones }) => clones >= FIRST_CLONES)) {
      for (const want of WANTED) {
        const budget = Math.max(memoryOf(from), memoryOf(want));
        const { end, most } = stepsOf(from, want, budget);
        assert.ok(most <= budget && end.clones === want.clones, JSON.stringify({ from, want, end, most, budget }));
      }
    }
    const { steps } = stepsOf(
      { clones: 4, hot: 3, processes: 0 },
      { clones: 6, hot: 1, processes: 0 },
      6 * CLONE_MIB + HEAT_MIB,
    );
    assert.deepEqual(steps, ["drop hot", "add clone", "add clone", "drop hot", "add clone", "add clone"]);
  });

  test("heat early: with two clones, the first of them", () => {
    const { steps } = stepsOf(NONE, { clones: 6, hot: 2, processes: 0 });
    assert.deepEqual(steps.slice(0, 3), ["add clone", "add clone", "heat"]);
    assert.deepEqual(stepsOf(NONE, { clones: 2, hot: 0, processes: 0 }).steps, ["add clone", "add clone"]);
  });
});
