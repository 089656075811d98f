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

export class Holders {
  readonly #byVolume = new Map<string, Holder>();

  of(volume: string): Holder | undefined {
    return this.#byVolume.get(volume);
  }

  /** @throws {DiskError} `DISK_IN_USE` */
  requireFree(volume: string): void {
    const holder = this.#byVolume.get(volume);
    if (holder)
      throw new DiskError(
        "DISK_IN_USE",
        `Machine ${holder.machine} has volume ${volume}. Detach it there, or end the machine.`,
      );
  }

  /** The volume in its machine; null if no machine can write it. @throws {DiskError} `DISK_IN_USE` */
  liveOf(volume: string): LiveVolume | null {
    const holder = this.#byVolume.get(volume);
    if (!holder || holder.readOnly) return null;
    if (holder.live) return holder.live;
    throw new DiskError("DISK_IN_USE", `Machine ${holder.machine} is just getting volume ${volume}. Try again.`);
  }

  set(volume: string, holder: Holder): void {
    this.#byVolume.set(volume, holder);
  }

  delete(volume: string): void {
    this.#byVolume.delete(volume);
  }
}
