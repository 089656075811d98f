/** Stops the processes of a machine, but not its agent, while the machine is copied. */
import type { Logger } from "@sandkeep/common";
import { type Guest, GuestError } from "../contract.ts";
import { ROOT_SLOT } from "../engine/engine.ts";
import type { SlotRecord } from "./folder.ts";
import { newMoment } from "./identity.ts";

/**
 * After this time a machine's processes go on by themselves, if the server lives but does not say so. It is longer than
 * all that a copy may take once it has begun.
 */
const FREEZE_MS = 180_000;
/** How long an agent may take for each step: usually 10 ms. It gives up itself after five seconds if a process does not stop. */
const STEP_MS = 20_000;

/**
 * If what is done meanwhile took longer than this, such as syncing gigabytes of a disk, processes that stopped are told so
 * again: they must not go on by themselves before the machine is copied.
 */
const FREEZE_AGAIN_MS = 30_000;

/** Processes stop now, and the rest of what a copy needs is made ready meanwhile. */
export class EarlyFreeze {
  readonly #guest: Guest;
  #since!: number;
  #frozen!: Promise<void>;

  constructor(guest: Guest) {
    this.#guest = guest;
    this.#begin();
  }

  /** Resolves when the agent has answered, whether they have stopped or not. */
  get answered(): Promise<void> {
    return this.#frozen.catch(() => {});
  }

  /** Resolves when they have stopped. */
  get frozen(): Promise<void> {
    return this.#frozen;
  }

  /** Immediately before the copy: resolves when they have stopped, and stay so for long enough. */
  async confirm(): Promise<void> {
    await this.#frozen;
    if (performance.now() - this.#since <= FREEZE_AGAIN_MS) return;
    this.#begin();
    await this.#frozen;
  }

  #begin(): void {
    this.#since = performance.now();
    this.#frozen = freezeProcesses(this.#guest);
    this.#frozen.catch(() => {});
  }
}

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
