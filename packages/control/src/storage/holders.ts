import type { Actor } from "@sandkeep/protocol";
import type { DiskStore } from "@sandkeep/store";

/** A sandbox of this server that may have volumes. */
export interface Holder {
  readonly id: string;
  readonly isEnding: boolean;
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
    void holder.ended.then(() => this.#holders.delete(holder.id));
  }

  /**
   * Waits until sandboxes that are ending have released these disks: who has just closed a sandbox expects its volumes to
   * be free.
   */
  async settle(disks: readonly string[]): Promise<void> {
    for (const { sandbox } of await this.#disks.attachments(disks)) {
      const holder = this.#holders.get(sandbox);
      if (holder?.isEnding) await holder.ended;
    }
  }

  /**
   * Does something with a disk that sandboxes may have. If it fails because one of them ends meanwhile, it is done again when that has ended:
   * the server may learn that a client has closed a sandbox only after the client's next request.
   */
  async outliving<Result>(disk: string, task: () => Promise<Result>): Promise<Result> {
    await this.settle([disk]);
    const holders = (await this.#disks.attachments([disk])).flatMap(({ sandbox }) => this.#holders.get(sandbox) ?? []);
    try {
      return await task();
    } catch (error) {
      const ending = holders.filter(({ isEnding }) => isEnding);
      if (ending.length === 0) throw error;
      await Promise.all(ending.map(({ ended }) => ended));
      return await task();
    }
  }

  /** Detaches a volume from the sandbox in which it is mounted, if there is one. Roots stay. @throws {ApiError} `VOLUME_BUSY` */
  async detach(volume: string, actor: Actor): Promise<void> {
    await this.outliving(volume, async () => {
      for (const { sandbox, path } of await this.#disks.attachments([volume]))
        if (path !== null) await this.#holders.get(sandbox)?.volumes.detach(volume, actor);
    });
  }
}
