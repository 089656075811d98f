/** `setTimeout` takes a signed 32 bit number of milliseconds; a longer time would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Calls back once at a moment of the wall clock, however far away. */
export class Deadline {
  #timer: NodeJS.Timeout | null = null;
  readonly #reached: () => void;

  constructor(reached: () => void) {
    this.#reached = reached;
  }

  /** Replaces the moment. */
  set(atMs: number): void {
    this.cancel();
    this.#timer = setTimeout(() => {
      // Timers follow a clock of their own and may be a little early; the wall clock decides.
      if (Date.now() < atMs) this.set(atMs);
      else this.#reached();
    }, Math.min(Math.max(atMs - Date.now(), 0), LONGEST_TIMER_MS));
  }

  cancel(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
