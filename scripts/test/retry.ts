import type { Outcome } from "./outcome.ts";

/** More failures than this are a fault, not chance, and are not run again. */
const MOST_RETRIED = 5;

/** Something that was run, and how it went. */
export interface Attempt {
  name: string;
  outcome: Outcome;
}

/**
 * Runs what failed once more, one at a time with nothing beside it. What passes then is flaky: it counts as passed and is
 * listed at the end of the run, to be repaired.
 */
export async function retryFailed(attempts: Attempt[], run: (name: string) => Promise<Outcome>): Promise<Outcome[]> {
  const failed = attempts.filter(({ outcome }) => outcome.failed > 0);
  if (failed.length > MOST_RETRIED) return attempts.map(({ outcome }) => outcome);
  const outcomes: Outcome[] = [];
  for (const { name, outcome } of attempts) {
    if (outcome.failed === 0) {
      outcomes.push(outcome);
      continue;
    }
    console.log(`↻ ${name}: once more, alone`);
    const again = await run(name);
    outcomes.push(again.failed === 0 ? { ...again, flaky: [name] } : outcome);
  }
  return outcomes;
}
