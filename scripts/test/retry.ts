import type { Outcome } from "./outcome.ts";

/** More failures than this are a bug, not chance, and are not run again. */
const MOST_RETRIED = 5;

/** An item that was run, and its result. */
export interface Attempt {
  name: string;
  outcome: Outcome;
}

/**
 * Runs failed items once more, one at a time with nothing else running. Those that then pass are flaky: they count as
 * passed and are listed at the end of the run, to be repaired.
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
