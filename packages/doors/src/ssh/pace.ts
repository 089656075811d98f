/** Lets something happen a few times at once, and from then on at a steady pace. */
export class Pace {
  readonly #everyMs: number;
  readonly #burst: number;
  /** When as many may happen at once again as at first, milliseconds. */
  #restedAt = 0;

  constructor({ burst, everyMs }: { burst: number; everyMs: number }) {
    this.#burst = burst;
    this.#everyMs = everyMs;
  }

  /** Notes that it happens now. Returns for how long it must not happen again, milliseconds. */
  note(now: number): number {
    this.#restedAt = Math.max(this.#restedAt, now) + this.#everyMs;
    return Math.max(0, this.#restedAt - now - (this.#burst - 1) * this.#everyMs);
  }
}
