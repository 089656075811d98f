/** Limits a rate: a burst may begin at once, then a number per second. Everything beyond waits its turn. */
export class Pace {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  /** Negative when turns have been assigned in advance. */
  #tokens: number;
  #at: number;

  /** @param now milliseconds of a monotonic clock */
  constructor(perSecond: number, burst: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
    this.#tokens = burst;
    this.#at = now();
  }

  /**
   * Takes a turn. Returns the milliseconds until it comes; zero means now.
   *
   * @param cost how many ordinary turns it counts for
   */
  take(cost = 1): number {
    const now = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    this.#tokens -= cost;
    return (Math.max(0, -this.#tokens) / this.#perSecond) * 1_000;
  }
}
