/** A byte budget shared by several users: a request for more than is left waits its turn. */
export class ByteBudget {
  readonly #total: number;
  #used = 0;
  readonly #queue: { bytes: number; go: () => void }[] = [];

  constructor(total: number) {
    this.#total = total;
  }

  /** Takes bytes, and waits for them if necessary. More than the whole budget counts as the whole. */
  async take(bytes: number): Promise<void> {
    const wanted = Math.min(bytes, this.#total);
    if (this.#queue.length === 0 && this.#used + wanted <= this.#total) {
      this.#used += wanted;
      return;
    }
    await new Promise<void>((go) => this.#queue.push({ bytes: wanted, go }));
  }

  /** Returns the same number of bytes that {@link take} took. */
  give(bytes: number): void {
    this.#used -= Math.min(bytes, this.#total);
    for (let next = this.#queue[0]; next && this.#used + next.bytes <= this.#total; next = this.#queue[0]) {
      this.#queue.shift();
      this.#used += next.bytes;
      next.go();
    }
  }
}
