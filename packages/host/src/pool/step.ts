/** What a warm pool does next to get what it should have. */
import { memoryOf, type Waiting } from "./targets.ts";

/** Clones that are made before anything else, however busy the computer is, and not in the background. */
export const FIRST_CLONES = 2;

/**
 * - `add clone`, `add process`: one more.
 * - `heat`: a warm clone becomes a hot one.
 * - `drop hot`, `drop warm`, `drop process`: one less.
 * - `wait`: others need the processors now.
 * - `rest`: nothing to do.
 */
export type Step = "add clone" | "add process" | "heat" | "drop hot" | "drop warm" | "drop process" | "wait" | "rest";

/**
 * @param busy whether others need the processors
 * @param budgetMiB memory that it may take on the way, at least that of both
 */
export function nextStep(has: Waiting, want: Waiting, busy: boolean, budgetMiB: number): Step {
  if (has.clones > want.clones) return has.hot > want.hot || has.hot === has.clones ? "drop hot" : "drop warm";
  if (has.processes > want.processes) return "drop process";
  if (has.clones < Math.min(FIRST_CLONES, want.clones)) return "add clone";
  if (busy) return "wait";
  // A hot clone cannot become warm again, so another one takes its place; first if there is not memory for both.
  const another = memoryOf({ ...has, clones: has.clones + 1, processes: want.processes });
  if (has.hot > want.hot && (has.clones >= want.clones || another > budgetMiB)) return "drop hot";
  // Hot ones in proportion to all: while the pool is refilled, everybody gets a machine, and some get a hot one.
  if (has.hot < Math.ceil((want.hot * has.clones) / Math.max(1, want.clones)) && canHeat(has)) return "heat";
  if (has.processes < want.processes / 2) return "add process";
  if (has.clones < want.clones) return "add clone";
  if (has.processes < want.processes) return "add process";
  return "rest";
}

/** A clone that is being heated cannot be taken: another one must wait meanwhile. */
function canHeat({ clones, hot }: Waiting): boolean {
  return clones > hot && clones > 1;
}
