/** A time for which something is not tried again. It doubles. */
export class Backoff {
  readonly #most: number;
  #next: number;
  #ms = 0;
  #until = Number.NEGATIVE_INFINITY;

  /** Milliseconds. */
  constructor({ first, most }: { first: number; most: number }) {
    this.#next = first;
    this.#most = most;
  }

  /** From now on it is twice as long; at first as long as was said. */
  lengthen(): void {
    this.#ms = this.#next;
    this.#next = Math.min(this.#most, this.#next * 2);
  }

  begin(now: number): void {
    this.#until = now + this.#ms;
  }

  /** How much of it is left, milliseconds. */
  left(now: number): number {
    return Math.max(0, this.#until - now);
  }
}
