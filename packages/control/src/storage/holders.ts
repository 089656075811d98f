import { setImmediate } from "node:timers/promises";
import { type Actor, ApiError } from "@sandkeep/protocol";
import type { DiskStore } from "@sandkeep/store";
import { settlesWithin } from "../bounded.ts";

/**
 * How long a request waits for a sandbox that is closing, milliseconds: usually 50, and no longer than that may take to end.
 */
const CLOSING_TIMEOUT_MS = 20_000;
/** How often a request is repeated because the next sandbox with the disk was closing too. */
const MAX_REPEATS = 3;

/** A sandbox of this server that may have volumes. */
export interface Holder {
  readonly id: string;
  /** Whether it ends, or will as soon as its creator's connection, which is being closed, has closed. */
  readonly isClosing: boolean;
  readonly ended: Promise<void>;
  readonly volumes: { detach(volume: string, actor: Actor): Promise<void> };
}

/** The sandboxes of this server, as those see them who want their volumes. */
export class Holders {
  readonly #disks: DiskStore;
  readonly #holders = new Map<string, Holder>();

  constructor(disks: DiskStore) {
    this.#disks = disks;
  }

  /** Adds a sandbox until it has ended. */
  enter(holder: Holder): void {
    this.#holders.set(holder.id, holder);
    void holder.ended.then(() => {
      // It may run again already.
      if (this.#holders.get(holder.id) === holder) this.#holders.delete(holder.id);
    });
  }

  /**
   * Does something with disks that sandboxes may have. Whoever has closed a sandbox expects its disks to be free: a sandbox
   * that is closing, or begins to while this is tried, is waited for.
   */
  async outliving<Result>(disks: readonly string[], task: () => Promise<Result>): Promise<Result> {
    // What a client closed before it sent this request has arrived, perhaps on another connection: it is read now.
    await setImmediate();
    for (let repeats = 0; ; repeats++) {
      const holders = await this.#of(disks);
      const closing = holders.filter(({ isClosing }) => isClosing);
      await settlesWithin(Promise.all(closing.map(({ ended }) => ended)), CLOSING_TIMEOUT_MS);
      try {
        return await task();
      } catch (error) {
        const others = [...holders, ...(await this.#of(disks))].filter((holder) => !closing.includes(holder));
        if (repeats === MAX_REPEATS || !others.some(({ isClosing }) => isClosing)) throw error;
      }
    }
  }

  /** Detaches a volume from the sandbox in which it is mounted, if there is one. Roots stay. @throws {ApiError} `VOLUME_BUSY` */
  async detach(volume: string, actor: Actor): Promise<void> {
    for (const { sandbox, path } of await this.#disks.attachments([volume]))
      if (path !== null)
        await this.#holders
          .get(sandbox)
          ?.volumes.detach(volume, actor)
          .catch((error: unknown) => {
            // It was still being attached there, and that failed.
            if (!(error instanceof ApiError && error.code === "VOLUME_NOT_ATTACHED")) throw error;
          });
  }

  async #of(disks: readonly string[]): Promise<Holder[]> {
    const attachments = await this.#disks.attachments(disks);
    return attachments.flatMap(({ sandbox }) => this.#holders.get(sandbox) ?? []);
  }
}
