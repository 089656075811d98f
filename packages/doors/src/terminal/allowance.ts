/** So much at once, and then one more in each period. */
export class Allowance {
  readonly #most: number;
  readonly #periodMs: number;
  #left: number;
  #at = performance.now();

  constructor(most: number, periodMs: number) {
    this.#most = most;
    this.#periodMs = periodMs;
    this.#left = most;
  }

  /** Whether it is allowed once more. */
  take(now = performance.now()): boolean {
    this.#left = Math.min(this.#most, this.#left + (now - this.#at) / this.#periodMs);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
