/** The longest wait, milliseconds. */
const MAX_MS = 60_000;
/** The first wait, after the second failure in a row, milliseconds. */
const FIRST_MS = 1_000;

/** How long to wait before something that has failed is tried again: not at all after one failure, and twice as long after each further one. */
export class BackOff {
  readonly #now: () => number;
  #failures = 0;
  #until = 0;

  /** @param now a clock, milliseconds */
  constructor(now = () => performance.now()) {
    this.#now = now;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds from now. */
  get remainingMs(): number {
    return Math.max(0, this.#until - this.#now());
  }

  failed(): void {
    this.#failures++;
    const wait = this.#failures < 2 ? 0 : Math.min(MAX_MS, FIRST_MS * 2 ** (this.#failures - 2));
    this.#until = this.#now() + wait;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#until = 0;
  }
}
