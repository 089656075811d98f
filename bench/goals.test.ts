import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { root } from "@sandkeep/cli";
import { GOALS, goalText } from "./goals.ts";
import { MEASURES } from "./suite.ts";

test("every measurement has goals, and is listed in the help", () => {
  assert.deepEqual(Object.keys(GOALS).sort(), Object.keys(MEASURES).sort());
  const only = root.commands
    ?.find(({ name }) => name === "bench")
    ?.options?.find(({ flags }) => flags.startsWith("--only"));
  assert.ok(only?.description.endsWith(`: ${Object.keys(MEASURES).join(", ")}`), only?.description);
});

test("docs/performance.md has a row for every figure, with the goals of this table", () => {
  const page = readFileSync(new URL("../docs/performance.md", import.meta.url), "utf8");
  const table = /^\| figure \| measured \| goal \|\n[^]*?\n\n/m.exec(page)?.[0] ?? "";
  const rows = new Map<string, string>();
  for (const [, names, goal] of table.matchAll(/^\| (.*?) \| .* \| (.*?) \|$/gm)) {
    for (const [, name] of names!.matchAll(/`(\w+)`/g)) rows.set(name!, goal!);
  }
  const goals = Object.values(GOALS).flat();
  for (const figure of new Set(goals.map((goal) => goal.figure))) {
    const texts = goals.filter((goal) => goal.figure === figure).map(goalText);
    assert.equal(
      rows.get(figure),
      texts.filter((text) => text !== "–").join("; ") || "–",
      `the goal of ${figure} in docs/performance.md`,
    );
  }
});
