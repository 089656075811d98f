import { ApiError } from "@sandkeep/protocol";

/** Exports and imports that an organisation may have at once: each takes processor time, and an export space for a copy. */
const PER_ORGANISATION = 4;

/** Counts exports and imports in progress. */
export class Transfers {
  readonly #running = new Map<string, number>();

  /** Enters one until it is disposed. @throws {ApiError} `TRANSFER_LIMIT` */
  enter(organisation: string): Disposable {
    const running = this.#running.get(organisation) ?? 0;
    if (running >= PER_ORGANISATION)
      throw new ApiError("TRANSFER_LIMIT", `The organisation has ${running} exports and imports in progress.`);
    this.#running.set(organisation, running + 1);
    return {
      [Symbol.dispose]: () => {
        const left = this.#running.get(organisation)! - 1;
        if (left > 0) this.#running.set(organisation, left);
        else this.#running.delete(organisation);
      },
    };
  }
}
