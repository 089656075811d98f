import { globSync } from "node:fs";
import { runTestFile } from "./node-file.ts";
import { type Outcome, type SuiteContext, sum } from "./outcome.ts";
import { type Attempt, retryFailed } from "./retry.ts";

export interface NodeSuiteOptions {
  patterns: string[];
  /** Number of test files at a time. */
  concurrency: number;
  /** Files that start first, because they take longest: as the last ones they would have no others beside them. */
  first?: readonly string[];
  /** Files that run when all others have ended, one at a time. */
  alone?: readonly string[];
  /** Time limit for one file, milliseconds. */
  fileTimeoutMs: number;
  /** Added to the environment of the tests. */
  env?: Record<string, string>;
}

/** Runs test files and shows a line for each. */
export async function nodeSuite(
  { root, only }: SuiteContext,
  { patterns, concurrency, first = [], alone = [], fileTimeoutMs, env }: NodeSuiteOptions,
): Promise<Outcome> {
  const files = globSync(patterns, { cwd: root, exclude: (name) => name === "node_modules" || name === "dist" })
    .filter((file) => only.length === 0 || only.some((path) => file === path || file.startsWith(`${path}/`)))
    .sort();
  if (files.length === 0) {
    console.error(`no tests in ${only.join(", ") || patterns.join(", ")}`);
    return { passed: 0, failed: 1 };
  }
  const run = async (file: string): Promise<Outcome> => {
    const { outcome, text, durationMs } = await runTestFile(root, file, fileTimeoutMs, env);
    const failed = outcome.failed > 0 ? `, ${outcome.failed} failed` : "";
    console.log(`${failed ? "✘" : "✔"} ${file} (${outcome.passed} passed${failed}, ${Math.round(durationMs)} ms)`);
    if (text) console.log(text);
    return outcome;
  };
  const attempts: Attempt[] = [];
  const runAll = async (queue: string[], lanes: number) => {
    const lane = async () => {
      for (let file = queue.shift(); file; file = queue.shift())
        attempts.push({ name: file, outcome: await run(file) });
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  };
  const named = (names: readonly string[]) => files.filter((file) => names.includes(file));
  const others = files.filter((file) => !first.includes(file) && !alone.includes(file));
  await runAll([...named(first), ...others], concurrency);
  await runAll(named(alone), 1);
  return sum(await retryFailed(attempts, run));
}
