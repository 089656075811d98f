/** How many machines wait in the warm pool. */

/** Memory of a clone that waits, in MiB; like the next two measured, see docs/performance.md. */
export const CLONE_MIB = 48;
/** What a hot clone takes in addition: the translated code of what it has run, and memory that it changed. */
export const HEAT_MIB = 40;
/** Memory of a process that waits for a template's state. */
export const PROCESS_MIB = 14;

/** At most one clone in so many is hot, of as many as the budget allows then. */
const HOT_EVERY = 3;
/** Share of the budget for processes: they save little of what a clone has to do first. */
const PROCESS_SHARE = 0.02;
/**
 * Share of the budget that sandboxes with a hot machine may take in addition, all together. Beyond it sandboxes get
 * warm ones: who makes many at once needs the memory more than a fast first command in each.
 */
const LENT_SHARE = 0.03;
/**
 * Clones that wait though nobody has asked for one lately, and how many of them are hot. Of the usual kind enough for a
 * burst of 20, see docs/performance.md, and for some users who try one thing after another. Of another kind enough for
 * one user: it may have been asked for only once.
 */
const FEW = { usual: { clones: 20, hot: 3 }, other: { clones: 2, hot: 1 } };

/** Root and size of a pool's machines: those of most machines, or others. */
export type PoolKind = keyof typeof FEW;

/** Machines that wait. */
export interface Waiting {
  clones: number;
  /** How many of the clones are hot. */
  hot: number;
  processes: number;
}

export interface Targets extends Waiting {
  /** How many sandboxes may have a hot machine at the same time, while there are others. */
  lent: number;
}

/** How many machines were needed at once lately, and how many of them could have been hot; see {@link Demand}. */
export interface Demanded {
  clones: number;
  hot: number;
}

/** @param kind whether most machines are of this pool's kind */
export function targets(budgetMiB: number, demand: Demanded, kind: PoolKind): Targets {
  const few = FEW[kind];
  const room = budgetMiB * (1 - PROCESS_SHARE);
  const mixed = Math.floor(room / (CLONE_MIB + HEAT_MIB / HOT_EVERY));
  // Without demand some are hot. With demand clones come first: whoever finds none waits several times as long as a
  // first command in a warm one takes.
  const most = demand.clones > mixed ? Math.floor(room / CLONE_MIB) : mixed;
  const clones = Math.min(most, Math.max(few.clones, Math.ceil(demand.clones)));
  const heatable = Math.floor((room - clones * CLONE_MIB) / HEAT_MIB);
  return {
    clones,
    hot: Math.min(clones, heatable, Math.floor(mixed / HOT_EVERY), Math.max(few.hot, Math.ceil(demand.hot))),
    processes: Math.floor((budgetMiB * PROCESS_SHARE) / PROCESS_MIB),
    lent: Math.max(1, Math.floor((budgetMiB * LENT_SHARE) / HEAT_MIB)),
  };
}

/** Memory of machines that wait, in MiB. */
export function memoryOf({ clones, hot, processes }: Waiting): number {
  return clones * CLONE_MIB + hot * HEAT_MIB + processes * PROCESS_MIB;
}
