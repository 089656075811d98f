/**
 * Property-based tests, the same everywhere: a fixed seed, a limit on runs or time, and on failure a command to replay it.
 *
 *   SANDKEEP_SEED      seed, a whole number, or `random`; otherwise always the same one
 *   SANDKEEP_PATH      with the seed: straight to the failing case (printed with it); for one test, picked with --test-name-pattern
 *   SANDKEEP_FUZZ_MS   each property is tried for this long instead of its number of runs
 */
import fc from "fast-check";

export { fc };

const DEFAULT_SEED = 20_260_801;
const DEFAULT_RUNS = 500;
/** Time limit for a property including shrinking, unless fuzzing is requested: a file's tests must take only seconds. */
const DEFAULT_LIMIT_MS = 10_000;

export interface Bounds {
  /** Number of cases. */
  runs?: number;
  /** Tries for this long instead. */
  ms?: number;
}

/**
 * Checks `predicate` with many values of `arbitraries`. It fails by throwing (use `node:assert`) or by returning false.
 *
 * @throws Error with the smallest counterexample found, why it is one (also as its cause), and how to replay it.
 *
 * @example
 * ```ts
 * test("reversing twice changes nothing", () =>
 *   property([fc.array(fc.nat())], (list) => assert.deepEqual(list.toReversed().toReversed(), list)));
 * ```
 */
export async function property<Values extends [unknown, ...unknown[]]>(
  arbitraries: { [K in keyof Values]: fc.Arbitrary<Values[K]> },
  predicate: (...values: Values) => unknown,
  bounds: Bounds = {},
): Promise<void> {
  const fuzzMs = Number(process.env.SANDKEEP_FUZZ_MS) || bounds.ms;
  const path = process.env.SANDKEEP_PATH;
  const checked = fc.asyncProperty(...arbitraries, async (...values: Values) => (await predicate(...values)) !== false);
  const result = await fc.check(checked, {
    seed: seed(),
    ...(path !== undefined && { path }),
    numRuns: fuzzMs ? Number.MAX_SAFE_INTEGER : (bounds.runs ?? DEFAULT_RUNS),
    interruptAfterTimeLimit: fuzzMs ?? DEFAULT_LIMIT_MS,
  });
  if (!result.failed) return;
  const replay = `Replay it with SANDKEEP_SEED=${result.seed} SANDKEEP_PATH=${result.counterexamplePath ?? ""}`;
  const cause = result.errorInstance;
  const why = cause instanceof Error ? `\n${cause.message}` : "";
  throw new Error(`${fc.defaultReportMessage(result) ?? "The property does not hold"}\n${replay}${why}`, { cause });
}

/** The seed of this run, for custom generators. */
export function seed(): number {
  const text = process.env.SANDKEEP_SEED;
  if (text === undefined || text === "") return DEFAULT_SEED;
  if (text === "random") return Math.trunc(Math.random() * 2 ** 31);
  const number = Number(text);
  if (!Number.isSafeInteger(number))
    throw new TypeError(`SANDKEEP_SEED must be a whole number or "random", not ${JSON.stringify(text)}`);
  return number;
}
