import { globSync } from "node:fs";
import { runTestFile } from "./node-file.ts";
import { type Outcome, type SuiteContext, sum } from "./outcome.ts";
import { type Attempt, retryFailed } from "./retry.ts";

export interface NodeSuiteOptions {
  patterns: string[];
  /** Number of test files at a time. */
  concurrency: number;
  /** Time limit for one file, milliseconds. */
  fileTimeoutMs: number;
  /** Added to the environment of the tests. */
  env?: Record<string, string>;
}

/** Runs test files and shows a line for each. */
export async function nodeSuite(
  { root, only }: SuiteContext,
  { patterns, concurrency, fileTimeoutMs, env }: NodeSuiteOptions,
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
  const worker = async () => {
    for (let file = files.shift(); file; file = files.shift()) attempts.push({ name: file, outcome: await run(file) });
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return sum(await retryFailed(attempts, run));
}
