/**
 * How often the wall clock is checked, milliseconds. Timers stand still while the computer sleeps, and do not notice when its clock is
 * set: a deadline is then at most this late.
 */
const LOOK_EVERY_MS = 60_000;

/** Calls back once at a given wall-clock time, however far away. */
export class Deadline {
  #timer: NodeJS.Timeout | null = null;
  readonly #reached: () => void;

  constructor(reached: () => void) {
    this.#reached = reached;
  }

  /** Replaces the time. */
  set(atMs: number): void {
    this.cancel();
    this.#timer = setTimeout(
      () => {
        // Timers follow a clock of their own and may be a little early, too.
        if (Date.now() < atMs) this.set(atMs);
        else this.#reached();
      },
      Math.min(Math.max(atMs - Date.now(), 0), LOOK_EVERY_MS),
    );
  }

  cancel(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
