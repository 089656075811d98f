/** How many machines wait in the warm pool. */

/** Memory of a waiting clone and of a waiting process, in MiB; see docs/performance.md. */
export const CLONE_MIB = 55;
export const PROCESS_MIB = 20;
/** Share of the budget for clones; the rest is for processes, which are used when clones run out. */
const CLONE_SHARE = 0.9;
/** If there was no create for this long, most of the pool is given back. */
export const CALM_AFTER_MS = 10 * 60_000;
/** The share that stays then. */
const CALM_FRACTION = 0.2;

export interface Targets {
  clones: number;
  processes: number;
}

/** @param sinceLastCreateMs time since the last create, in milliseconds */
export function targets(budgetMiB: number, sinceLastCreateMs: number): Targets {
  const budget = sinceLastCreateMs < CALM_AFTER_MS ? budgetMiB : budgetMiB * CALM_FRACTION;
  return {
    clones: Math.floor((budget * CLONE_SHARE) / CLONE_MIB),
    processes: Math.floor((budget * (1 - CLONE_SHARE)) / PROCESS_MIB),
  };
}
