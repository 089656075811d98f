import { join } from "node:path";
import { execute } from "../../test/execute.ts";
import { type Outcome, one, sum } from "../../test/outcome.ts";
import type { Check, Tools } from "./check.ts";

/** Some checks use one processor, some all of them; two at a time keep two processors busy. */
const CHECKS_AT_A_TIME = 2;

/** Runs checks and prints a line for each, followed by its output if it fails. */
export async function runChecks(root: string, checks: Check[]): Promise<Outcome> {
  const waiting = [...checks];
  const outcomes: Outcome[] = [];
  const worker = async () => {
    for (let check = waiting.shift(); check; check = waiting.shift()) outcomes.push(await runCheck(root, check));
  };
  await Promise.all(Array.from({ length: CHECKS_AT_A_TIME }, worker));
  return sum(outcomes);
}

async function runCheck(root: string, check: Check): Promise<Outcome> {
  const started = performance.now();
  let said = "";
  const say = (text: string) => void (said += text);
  const passed = await check.run(toolsFor(root, say)).catch((error: unknown) => {
    say(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return false;
  });
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  console.log(`${passed ? "✔" : "✘"} ${check.name} (${seconds} s)`);
  if (!passed) console.log(said.trimEnd().replaceAll(/^/gm, "  "));
  return one(passed);
}

/** Tools of a check, which pass its output to `say`. */
export function toolsFor(root: string, say: (text: string) => void): Tools {
  const at = (directory = "") => join(root, directory);
  return {
    root,
    say: (text) => say(`${text}\n`),
    execute: (file, args, { directory, env = process.env } = {}) =>
      execute(file, args, { cwd: at(directory), env, onOutput: say }),
    output: async (file, args, { directory, env = process.env } = {}) => {
      const lines: string[] = [];
      let everything = "";
      const code = await execute(file, args, {
        cwd: at(directory),
        env,
        onLine: (line) => lines.push(line),
        onOutput: (text) => void (everything += text),
      });
      if (code !== 0) throw new Error(`${[file, ...args].join(" ")} ended with ${code ?? "a signal"}\n${everything}`);
      return lines.join("\n");
    },
  };
}
