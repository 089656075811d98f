import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { CHECKS } from "../all.ts";
import type { Check } from "./check.ts";
import { runChecks, toolsFor } from "./run.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const check = (name: string, run: Check["run"]): Check => ({ name, run });

test("counts checks; one that throws has failed", async () => {
  const outcome = await runChecks(root, [
    check("passes", async () => true),
    check("fails", async () => false),
    check("throws", () => Promise.reject(new Error("on purpose"))),
  ]);
  assert.deepEqual(outcome, { passed: 1, failed: 2 });
});

test("a program's output is said, its exit code returned; one that is not there has none", async () => {
  let said = "";
  const tools = toolsFor(root, (text) => void (said += text));
  assert.equal(await tools.execute("sh", ["-c", "echo words; exit 3"]), 3);
  assert.equal(said, "words\n");
  assert.equal(await tools.execute("no-such-program", []), null);
  assert.equal(await tools.output("sh", ["-c", "echo one; echo two; echo aside >&2"]), "one\ntwo");
  await assert.rejects(tools.output("sh", ["-c", "echo why >&2; exit 1"]), /ended with 1\nwhy/);
});

test("checks have names of their own, by which they are chosen", () => {
  const names = CHECKS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});
