const WINDOW_SECONDS = 60;

/**
 * Counts requests of the last minute, second by second: never more than the limit in any 60 seconds, in memory that does
 * not grow with the limit.
 */
export class RateWindow {
  readonly #limit: number;
  /** Requests of the second that began at `#second - i`, at `(#second - i) % length`; one more than a minute, as the first one is only partly past. */
  readonly #counts = new Uint32Array(WINDOW_SECONDS + 1);
  #total = 0;
  #second = -Infinity;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts one request at `now` (milliseconds of a clock that does not go back; a step back counts as standing still), unless there were too many. */
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
