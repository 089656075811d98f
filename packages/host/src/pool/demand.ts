/** How many machines a pool would have needed lately. */

/** After this time without demand, half of it is forgotten. */
const HALF_LIFE_MS = 10 * 60_000;

/**
 * Counts machines that were taken before others took their place: a pool with so many would have had one for
 * everybody. Who takes one now and then needs one; who takes 20 at once, or 20 in a row without a pause, needs 20.
 */
export class Demand {
  /** Taken and not replaced yet. */
  #missing = 0;
  #peak = 0;
  #peakAt = 0;

  /** The highest number lately; it fades. @param now in milliseconds, on a clock that only moves forward */
  at(now: number): number {
    return this.#peak * 0.5 ** (Math.max(0, now - this.#peakAt) / HALF_LIFE_MS);
  }

  /** A machine was taken, or one was needed and none waited. */
  taken(now: number): void {
    this.#missing++;
    if (this.#missing < this.at(now)) return;
    this.#peak = this.#missing;
    this.#peakAt = now;
  }

  /** A machine was added to the pool. */
  replaced(): void {
    this.#missing = Math.max(0, this.#missing - 1);
  }

  /** The pool has what it should have. */
  full(): void {
    this.#missing = 0;
  }
}
