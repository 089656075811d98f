import { existsSync } from "node:fs";
import { join } from "node:path";
import { GO_ENVIRONMENT } from "../checks/runner/go-tool.ts";
import { execute } from "./execute.ts";
import { GoCounter, type GoTestEvent } from "./go-counter.ts";
import { type Outcome, one, type SuiteContext, sum } from "./outcome.ts";
import { retryFailed } from "./retry.ts";

/** Inputs for each fuzz target beyond its corpus; a number, not a time, so that a slow computer does the same work. */
const FUZZ_INPUTS = 20_000;
/** Time limit for fuzzing one target. */
const FUZZ_TIMEOUT_MS = 120_000;

/** The tests of the guest's agent with the corpora of its fuzz tests, followed by a short fuzzing of each. */
export async function goSuite({ root }: SuiteContext): Promise<Outcome> {
  const cwd = join(root, "guest");
  if (!existsSync(join(cwd, "go.mod"))) return one(false);
  // As the agent is built: with C in it, a program in Go cannot change the user of all its threads.
  const env = { ...GO_ENVIRONMENT, CGO_ENABLED: "0" };
  return sum([await tests(cwd, env), await fuzz(cwd, env)]);
}

async function tests(cwd: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const run = async () => {
    const counter = new GoCounter((text) => process.stdout.write(text));
    // Packages that passed are not run again: Go caches their results.
    const code = await execute("go", ["test", "-json", "./..."], { cwd, env, onLine: (line) => counter.line(line) });
    return counter.outcome(code);
  };
  return sum(await retryFailed([{ name: "guest agent", outcome: await run() }], run));
}

async function fuzz(cwd: string, env: NodeJS.ProcessEnv): Promise<Outcome> {
  const outcomes: Outcome[] = [];
  for (const { name, pack } of await fuzzTargets(cwd, env)) {
    const output: string[] = [];
    const code = await execute(
      "go",
      ["test", "-run=^$", `-fuzz=^${name}$`, `-fuzztime=${FUZZ_INPUTS}x`, "-parallel=2", pack],
      {
        cwd,
        env,
        onLine: (line) => output.push(line),
        timeoutMs: FUZZ_TIMEOUT_MS,
      },
    );
    console.log(`${code === 0 ? "✔" : "✘"} ${pack} ${name}: ${FUZZ_INPUTS} inputs`);
    if (code !== 0) console.log(output.join("\n"));
    outcomes.push(one(code === 0));
  }
  return sum(outcomes);
}

async function fuzzTargets(cwd: string, env: NodeJS.ProcessEnv): Promise<{ name: string; pack: string }[]> {
  const targets: { name: string; pack: string }[] = [];
  await execute("go", ["test", "-json", "-list=^Fuzz", "./..."], {
    cwd,
    env,
    onLine: (line) => {
      const event = parse(line);
      const name = /^Fuzz\w+/.exec(event?.Output ?? "")?.[0];
      if (event?.Package && name) targets.push({ name, pack: event.Package });
    },
  });
  return targets;
}

function parse(line: string): GoTestEvent | undefined {
  try {
    return JSON.parse(line) as GoTestEvent;
  } catch {
    return undefined;
  }
}
