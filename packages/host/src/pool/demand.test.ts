import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Demand } from "./demand.ts";

const MINUTE = 60_000;

function demandOf(...events: ("taken" | "replaced" | "full")[]): Demand {
  const demand = new Demand();
  for (const event of events) demand[event](0);
  return demand;
}

describe("demand", () => {
  test("is none as long as nobody asks", () => {
    assert.equal(new Demand().at(5 * MINUTE), 0);
    assert.equal(demandOf("replaced", "full", "replaced").at(0), 0);
  });

  test("is what was taken before it was replaced", () => {
    assert.equal(demandOf("taken", "taken", "taken").at(0), 3);
    assert.equal(demandOf("taken", "replaced", "taken", "replaced", "taken").at(0), 1);
    assert.equal(demandOf("taken", "taken", "replaced", "taken", "taken").at(0), 3);
  });

  test("begins anew when the pool has what it should have, even if that is less than what was taken", () => {
    assert.equal(demandOf("taken", "taken", "full", "taken").at(0), 2);
    assert.equal(demandOf("taken", "full", "taken", "full", "taken").at(0), 1);
  });

  test("fades by half in ten minutes, until it is raised again", () => {
    const demand = demandOf("taken", "taken", "taken", "taken", "full");
    assert.equal(demand.at(10 * MINUTE), 2);
    assert.equal(demand.at(20 * MINUTE), 1);
    demand.taken(10 * MINUTE);
    assert.equal(demand.at(20 * MINUTE), 1);
    for (let n = 0; n < 2; n++) demand.taken(10 * MINUTE);
    assert.equal(demand.at(10 * MINUTE), 3);
    assert.equal(demand.at(20 * MINUTE), 1.5);
  });
});
