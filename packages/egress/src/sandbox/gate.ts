/** Admits work while there is room, and makes it wait otherwise. */
export class Gate {
  readonly #limit: number;
  #used = 0;
  #waiting: (() => void)[] = [];

  /** @param limit how much may be inside at once */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when there is room, without taking any. */
  async opened(): Promise<void> {
    while (this.#used >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  enter(): void {
    this.#used++;
  }

  leave(count: number): void {
    this.#used = Math.max(0, this.#used - count);
    if (this.#used >= this.#limit) return;
    for (const resume of this.#waiting.splice(0)) resume();
  }
}
