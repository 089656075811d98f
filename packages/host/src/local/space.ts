/**
 * Tells machines when the disk that their roots are on is nearly full. Their programs get an error then, as on any
 * full disk, where QEMU would have to stop the machines.
 */
import type { Logger } from "@sandkeep/common";
import type { RunningMachine } from "../machines/machine.ts";
import type { MachineRegistry } from "../machines/registry.ts";
import { diskIsLow } from "../pool/disk.ts";

/** How often to look, milliseconds. The kernel knows it without asking the disk. */
const LOOK_MS = 500;
/** For how long machines are told at a time, and how often, milliseconds. What nobody tells any more goes on by itself. */
const HOLD_MS = 20_000;
const RENEW_MS = 5_000;

export interface SpaceOptions {
  /** Where machines' own disks are. */
  runDir: string;
  machines: Pick<MachineRegistry, "all">;
  log: Logger;
  isLow?: (dir: string) => boolean;
  lookMs?: number;
}

export class Space implements Disposable {
  readonly #options: Required<SpaceOptions>;
  readonly #timer: NodeJS.Timeout;
  /** Machines that know, and since when. */
  readonly #told = new Map<RunningMachine, number>();
  /** Those that have not answered yet. */
  readonly #asked = new Set<RunningMachine>();
  #isLow = false;

  constructor(options: SpaceOptions) {
    this.#options = { isLow: diskIsLow, lookMs: LOOK_MS, ...options };
    this.#timer = setInterval(() => this.#look(), this.#options.lookMs).unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { machines, runDir, isLow, log } = this.#options;
    const was = this.#isLow;
    try {
      this.#isLow = isLow(runDir);
    } catch {
      // A disk that fails says nothing about its space.
    }
    if (this.#isLow && !was)
      log.error({ folder: runDir }, "the disk is nearly full: sandboxes can write no more until there is space");
    if (!this.#isLow && was) log.info({ folder: runDir }, "sandboxes can write again");
    const now = performance.now();
    const all = machines.all;
    for (const machine of this.#told.keys()) if (!all.includes(machine)) this.#told.delete(machine);
    for (const machine of all) {
      const since = this.#told.get(machine);
      const isDue = this.#isLow ? since === undefined || now - since >= RENEW_MS : since !== undefined;
      if (isDue && !this.#asked.has(machine)) void this.#tell(machine, this.#isLow, now);
    }
  }

  async #tell(machine: RunningMachine, isLow: boolean, now: number): Promise<void> {
    this.#asked.add(machine);
    try {
      await machine.guest.call("holdSpace", { forMs: isLow ? HOLD_MS : 0 }, AbortSignal.timeout(HOLD_MS));
    } catch {
      // An agent of an earlier version, or a machine that is busy or ends. While it matters, it is told again.
    } finally {
      this.#asked.delete(machine);
      if (isLow) this.#told.set(machine, now);
      else this.#told.delete(machine);
    }
  }
}
