const WINDOW_SECONDS = 60;

/**
 * Counts the requests of the last minute, per second. Allows at most the limit in any 60 seconds, with memory that does not depend on
 * the limit.
 */
export class RateWindow {
  readonly #limit: number;
  /** Requests in second `#second - i`, at `(#second - i) % length`. One more than 60, because the oldest second is only partly past. */
  readonly #counts = new Uint32Array(WINDOW_SECONDS + 1);
  #total = 0;
  #second = -Infinity;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts one request at `now`, milliseconds of a monotonic clock (a step back is ignored). Returns false, without counting, if there were too many. */
  take(now: number): boolean {
    this.#advance(Math.max(Math.floor(now / 1000), this.#second));
    if (this.#total >= this.#limit) return false;
    this.#counts[this.#index(this.#second)]! += 1;
    this.#total += 1;
    return true;
  }

  #advance(second: number): void {
    const steps = Math.min(second - this.#second, this.#counts.length);
    for (let step = 0; step < steps; step++) {
      const index = this.#index(second - step);
      this.#total -= this.#counts[index]!;
      this.#counts[index] = 0;
    }
    this.#second = second;
  }

  #index(second: number): number {
    return ((second % this.#counts.length) + this.#counts.length) % this.#counts.length;
  }
}
