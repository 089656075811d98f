/** Lets so many begin at once, and so many a second after that; more wait for their turn. */
export class Pace {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #now: () => number;
  /** Below zero: turns that were given for later. */
  #tokens: number;
  #at: number;

  /** @param now milliseconds of a clock that does not go back */
  constructor(perSecond: number, burst: number, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#now = now;
    this.#tokens = burst;
    this.#at = now();
  }

  /** Milliseconds until it is the turn of the one who asks now; zero for at once. */
  take(): number {
    const now = this.#now();
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    this.#tokens -= 1;
    return (Math.max(0, -this.#tokens) / this.#perSecond) * 1_000;
  }
}
