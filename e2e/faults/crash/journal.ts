/** How many of the last steps are kept. */
const STEPS = 120;

/** What happened in the last rounds, to be told when one fails. */
export class Journal {
  readonly #lines: string[] = [];
  #begun = performance.now();
  /** What was done how often. */
  readonly #counts = new Map<string, number>();

  /** Begins a round. */
  round(number: number): void {
    this.#begun = performance.now();
    this.note(`round ${number}`);
  }

  note(text: string): void {
    this.#lines.push(`${Math.round(performance.now() - this.#begun)} ms: ${text}`);
    if (this.#lines.length > STEPS) this.#lines.shift();
  }

  count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** What was done how often, in one line. */
  get summary(): string {
    return [...this.#counts].map(([what, times]) => `${what}: ${times}`).join(", ");
  }

  toString(): string {
    return this.#lines.join("\n  ");
  }
}
