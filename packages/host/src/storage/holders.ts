/** Which machine has which volume, and how the volume is reached there. */
import { DiskError } from "../contract.ts";

/** A volume in a machine that runs. */
export interface LiveVolume {
  /** How many layers the machine's monitor has. If that cannot be found out, the machine is ended. */
  depth(): Promise<number>;
  /**
   * Puts a layer on top, which is written from then on. If this fails, {@link depth} says whether that was done.
   *
   * @param how `frozen`: with a consistent file system below
   * @param prepared called before the change, when nothing but the change itself is left to do
   */
  addLayer(
    layer: { path: string; bytes: number },
    how: "frozen" | "running",
    prepared: () => Promise<void>,
  ): Promise<void>;
  /** Makes the device, and then the file system, larger. */
  resize(bytes: number): Promise<void>;
}

export interface Holder {
  machine: string;
  readOnly: boolean;
  /** Null while the machine is not reached: it is being given the volume, or was left by an earlier process. */
  live: LiveVolume | null;
}

/**
 * A volume has one holder at most. After a restart there may be two on record until they are taken over: a machine that
 * was giving the volume back, or did not get it, and another one that got it.
 */
export class Holders {
  readonly #byVolume = new Map<string, Holder[]>();

  /** All, usually none or one. */
  all(volume: string): readonly Holder[] {
    return this.#byVolume.get(volume) ?? [];
  }

  find(volume: string, machine: string): Holder | undefined {
    return this.all(volume).find((holder) => holder.machine === machine);
  }

  /** Whether a machine may write to the volume. */
  isWritten(volume: string): boolean {
    return this.all(volume).some(({ readOnly }) => !readOnly);
  }

  /** @throws {DiskError} `DISK_IN_USE` */
  requireFree(volume: string): void {
    const [holder] = this.all(volume);
    if (holder)
      throw new DiskError(
        "DISK_IN_USE",
        `Machine ${holder.machine} has volume ${volume}. Detach it there, or end the machine.`,
      );
  }

  /** The volume in its machine; null if no machine can write it. @throws {DiskError} `DISK_IN_USE` */
  liveOf(volume: string): LiveVolume | null {
    if (!this.isWritten(volume)) return null;
    const getting = this.all(volume).find(({ live }) => !live);
    if (getting)
      throw new DiskError("DISK_IN_USE", `Machine ${getting.machine} is just getting volume ${volume}. Try again.`);
    return this.all(volume).find(({ readOnly }) => !readOnly)!.live;
  }

  set(volume: string, holder: Holder): void {
    const others = this.all(volume).filter(({ machine }) => machine !== holder.machine);
    this.#byVolume.set(volume, [...others, holder]);
  }

  delete(volume: string, machine: string): void {
    const others = this.all(volume).filter((holder) => holder.machine !== machine);
    if (others.length > 0) this.#byVolume.set(volume, others);
    else this.#byVolume.delete(volume);
  }
}
