import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "@sandkeep/common";
import { Orphans } from "./orphans.ts";

test("what has no record is removed if it is still there, still without one, after a while", async () => {
  const removed: string[] = [];
  const remove = async (id: string) => void removed.push(id);
  const look = (orphans: Orphans, host: string, present: string[], recorded: string[]) =>
    orphans.look({ host, present: new Set(present), recorded: new Set(recorded), remove });
  const soon = new Orphans({ what: "a thing", keepMs: 0, log: silentLogger });
  await look(soon, "host_1", ["a", "b", "c"], ["c"]);
  assert.deepEqual(removed, [], "never at the first look");
  // One of the same name elsewhere is another.
  await look(soon, "host_2", ["a"], []);
  await look(soon, "host_1", ["a", "b"], ["b"]);
  assert.deepEqual(removed, ["a"]);
  await look(soon, "host_1", ["b"], []);
  assert.deepEqual(removed, ["a"], "it had a record meanwhile");
  const later = new Orphans({ what: "a thing", keepMs: 86_400_000, log: silentLogger });
  for (let n = 0; n < 3; n++) await look(later, "host_1", ["d"], []);
  assert.deepEqual(removed, ["a"]);
});

test("what cannot be removed keeps nothing else from being removed, and is tried again", async () => {
  const present = new Set(["a", "b"]);
  let broken = true;
  const remove = async (id: string) => {
    if (id === "a" && broken) throw new Error("the disk fails");
    present.delete(id);
  };
  const orphans = new Orphans({ what: "a thing", keepMs: 0, log: silentLogger });
  const look = () => orphans.look({ host: "host_1", present: new Set(present), recorded: new Set(), remove });
  await look();
  await look();
  assert.deepEqual([...present], ["a"]);
  broken = false;
  await look();
  assert.deepEqual([...present], []);
});
