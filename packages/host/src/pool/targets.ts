/** How many machines wait in the warm pool. */

/** Memory of a clone that waits, and of a process that waits, in MiB; see docs/performance.md. */
export const CLONE_MIB = 55;
export const PROCESS_MIB = 20;
/** Part of the budget for clones; the rest is for processes, which serve when clones run out. */
const CLONE_SHARE = 0.9;
/** Without a create for this long, most of the pool is given back. */
export const CALM_AFTER_MS = 10 * 60_000;
/** The part that stays then. */
const CALM_FRACTION = 0.2;

export interface Targets {
  clones: number;
  processes: number;
}

/** @param sinceLastCreateMs how long nobody asked for a machine */
export function targets(budgetMiB: number, sinceLastCreateMs: number): Targets {
  const budget = sinceLastCreateMs < CALM_AFTER_MS ? budgetMiB : budgetMiB * CALM_FRACTION;
  return {
    clones: Math.floor((budget * CLONE_SHARE) / CLONE_MIB),
    processes: Math.floor((budget * (1 - CLONE_SHARE)) / PROCESS_MIB),
  };
}
