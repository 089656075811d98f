/** The result of a suite. */
export interface Outcome {
  passed: number;
  failed: number;
  /** Failed at first, and passed when run again alone. */
  flaky?: string[];
}

/** One part of the test run. */
export interface Suite {
  name: string;
  /** The option that selects it on the command line. */
  group: "static" | "go" | "unit" | "e2e";
  /** Directories of its tests; with paths given, it runs if one of them is there. */
  covers: string[];
  /** Whether it begins with the first suite, beside those before it, because it keeps hardly one processor busy. */
  early?: boolean;
  run(context: SuiteContext): Promise<Outcome>;
}

export interface SuiteContext {
  /** Root of the repository. */
  root: string;
  /** Paths given on the command line: only tests in these run. */
  only: string[];
  /** Shows text under the suite's title. */
  say(text: string): void;
}

export const one = (ok: boolean): Outcome => (ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 });

export function sum(outcomes: Outcome[]): Outcome {
  const flaky = outcomes.flatMap((outcome) => outcome.flaky ?? []);
  const total = (key: "passed" | "failed") => outcomes.reduce((count, outcome) => count + outcome[key], 0);
  return { passed: total("passed"), failed: total("failed"), ...(flaky.length > 0 ? { flaky } : {}) };
}

/** The last line of every run; other programs read it. */
export function summaryLine({ passed, failed }: Outcome): string {
  return `${passed} passed, ${failed} failed`;
}
