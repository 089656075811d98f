/** The time for what expires: a clock that is set forward lets nothing expire before its time. */
export class SteadyClock {
  /** By how much the wall clock was ahead of the monotonic one at the start, milliseconds. */
  readonly #aheadMs = Date.now() - performance.now();

  /** Epoch milliseconds. */
  get now(): number {
    return Math.min(Date.now(), performance.now() + this.#aheadMs);
  }
}
