/** Lets one waiter through each time it is opened. */
export class Gate {
  #open = 0;
  readonly #waiting: (() => void)[] = [];

  open(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#open++;
  }

  async pass(): Promise<void> {
    if (this.#open > 0) this.#open--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
