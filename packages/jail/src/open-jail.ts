import { fullJail } from "./full.ts";
import type { Jail, JailKind, JailPlan } from "./jail.ts";
import { openMinimalJail } from "./minimal.ts";

/** A jail for one process. */
export async function openJail(kind: JailKind, plan: JailPlan): Promise<Jail> {
  return kind === "full" ? fullJail(plan) : await openMinimalJail(plan);
}
