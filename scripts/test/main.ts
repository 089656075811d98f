/**
 * Runs this repository's tests, for `sandkeep test`: all of them, or the given groups (`--unit`) and paths. The last
 * line is `N passed, N failed`; the exit code is 0 only if nothing failed and something ran. Tests that passed only on
 * the second try are listed before that as flaky.
 */
import { fileURLToPath } from "node:url";
import { type Outcome, type Suite, sum, summaryLine } from "./outcome.ts";
import { suites } from "./suites.ts";

const GROUPS = ["static", "go", "unit", "e2e"] as const;

const root = fileURLToPath(new URL("../..", import.meta.url));
const args = process.argv.slice(2);
const only = args.filter((arg) => !arg.startsWith("-")).map((path) => path.replace(/^\.\/|\/$/g, ""));
const groups: string[] = GROUPS.filter((group) => args.includes(`--${group}`));

/** Starts a suite; what it says is shown when its turn has come. */
function start(suite: Suite) {
  const said: string[] = [];
  const outcome = suite.run({ root, only, say: (text) => void said.push(text) }).catch((error: unknown): Outcome => {
    console.error(error);
    return { passed: 0, failed: 1 };
  });
  return { outcome, said };
}

const selected = suites.filter(
  ({ group, covers }) =>
    (groups.length === 0 || groups.includes(group)) &&
    (only.length === 0 || only.some((path) => covers.some((directory) => `${path}/`.startsWith(`${directory}/`)))),
);
const early = new Map(selected.filter((suite) => suite.early).map((suite) => [suite, start(suite)]));
const outcomes: Outcome[] = [];
const failedSuites: string[] = [];
const times: [name: string, seconds: number][] = [];
for (const suite of selected) {
  const started = performance.now();
  console.log(`\n── ${suite.name}`);
  const { outcome: running, said } = early.get(suite) ?? start(suite);
  const outcome = await running;
  process.stdout.write(said.join(""));
  const seconds = (performance.now() - started) / 1_000;
  times.push([suite.name, seconds]);
  console.log(`── ${suite.name}: ${summaryLine(outcome)} (${seconds.toFixed(1)} s)`);
  outcomes.push(outcome);
  if (outcome.failed > 0) failedSuites.push(suite.name);
}

const total = sum(outcomes);
if (failedSuites.length > 0) console.log(`\nfailed: ${failedSuites.join(", ")}`);
console.log(`\ntimes: ${times.map(([name, seconds]) => `${name} ${seconds.toFixed(0)} s`).join(", ")}`);
console.log(`flaky: ${total.flaky?.join(", ") ?? "none"}`);
if (total.passed === 0) console.log("\nnothing ran");
console.log(`\n${summaryLine(total)}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
