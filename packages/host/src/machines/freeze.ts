/** Stops the processes of a machine, but not its agent, while the machine is copied. */
import type { Logger } from "@sandkeep/common";
import { type Guest, GuestError } from "../contract.ts";
import { ROOT_SLOT } from "../engine/engine.ts";
import type { SlotRecord } from "./folder.ts";
import { newMoment } from "./identity.ts";

/**
 * After this time a machine's processes go on by themselves, if the server lives but does not say so. It is longer than
 * all that a fork or a pause may take.
 */
const FREEZE_MS = 180_000;
/** How long an agent may take for each step: usually 10 ms. It gives up itself after five seconds if a process does not stop. */
const STEP_MS = 20_000;

export async function freezeProcesses(guest: Guest): Promise<void> {
  await guest.call("freezeProcesses", { thawAfterMs: FREEZE_MS }, AbortSignal.timeout(STEP_MS));
}

/**
 * Lets them go on. Resolves to whether that has succeeded. If not, which is logged, they do after {@link FREEZE_MS}, unless
 * a host has connected to the agent since they were stopped.
 */
export async function thawProcesses(guest: Guest, sandbox: string, log: Logger): Promise<boolean> {
  try {
    await guest.call("thawProcesses", {}, AbortSignal.timeout(STEP_MS));
    return true;
  } catch (error) {
    log.error({ sandbox, error: String(error) }, "processes that were stopped for a fork or a pause may not go on");
    return false;
  }
}

/**
 * Lets a machine go on whose server ended while it was forked, paused, resumed or snapshotted: its clock may be late, and its
 * processes and file systems stopped. Agents of earlier versions know no forks.
 */
export async function wakeAfterCrash(guest: Guest, disks: readonly SlotRecord[]): Promise<void> {
  const signal = AbortSignal.timeout(STEP_MS);
  const tolerant = (error: unknown) => {
    if (!(error instanceof GuestError)) throw error;
  };
  await guest.call("wake", newMoment(), signal).catch(tolerant);
  // Of the root, whatever that is, and of the volumes.
  const slots = [null, ...disks.map(({ slot }) => slot).filter((slot) => slot !== ROOT_SLOT)];
  for (const slot of slots) await guest.call("diskThaw", { slot }, signal).catch(tolerant);
  await guest.call("thawProcesses", {}, signal).catch(tolerant);
}
