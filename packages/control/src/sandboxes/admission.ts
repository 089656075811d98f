import { ApiError, type ErrorCode } from "@sandkeep/protocol";

/** Counts each organisation's sandboxes of a kind, those being created included, and enforces the limit. */
export class Admission {
  readonly #limit: number;
  readonly #kind: string;
  readonly #code: ErrorCode;
  readonly #counts = new Map<string, number>();

  /** @param kind for messages @param code of the error when the limit is reached */
  constructor(limit: number, kind = "sandboxes", code: ErrorCode = "CONCURRENCY_LIMIT") {
    this.#limit = limit;
    this.#kind = kind;
    this.#code = code;
  }

  /**
   * Takes a place. Returns a function that gives it back; calling it again has no effect.
   *
   * @param force Ignores the limit: for sandboxes that already exist.
   * @throws {ApiError} `CONCURRENCY_LIMIT`, or the code of this kind
   */
  enter(organisation: string, force = false): () => void {
    const count = this.#counts.get(organisation) ?? 0;
    if (count >= this.#limit && !force) {
      throw new ApiError(
        this.#code,
        `The organisation already has ${count} ${this.#kind}; its limit is ${this.#limit}.`,
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
