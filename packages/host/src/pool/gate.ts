/** Lets a few through at a time; the others wait in order. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param width how many may be inside at the same time */
  constructor(width: number) {
    this.#free = width;
  }

  /** Runs a task when its turn has come. Settles as the task does. */
  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      // Handed over, so that nobody who arrives now comes first.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
