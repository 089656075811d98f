import { ApiError } from "@sandkeep/protocol";

/** Counts each organisation's sandboxes, those being created included, and enforces the limit. */
export class Admission {
  readonly #limit: number;
  readonly #counts = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes a place. Returns a function that gives it back; calling it again has no effect.
   *
   * @param force Ignores the limit: for sandboxes that already exist.
   * @throws {ApiError} `CONCURRENCY_LIMIT`
   */
  enter(organisation: string, force = false): () => void {
    const count = this.#counts.get(organisation) ?? 0;
    if (count >= this.#limit && !force) {
      throw new ApiError(
        "CONCURRENCY_LIMIT",
        `The organisation already has ${count} sandboxes; its limit is ${this.#limit}.`,
      );
    }
    this.#counts.set(organisation, count + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const now = (this.#counts.get(organisation) ?? 1) - 1;
      if (now === 0) this.#counts.delete(organisation);
      else this.#counts.set(organisation, now);
    };
  }
}
