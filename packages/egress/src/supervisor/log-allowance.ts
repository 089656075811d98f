import type { Logger } from "@sandkeep/common";

/** Lines that a proxy may log in one minute; further ones are only counted. It logs a few at its start, then hardly any. */
const MAX_LINES = 200;
const PERIOD_MS = 60_000;
/** Longest text of a line that is kept, characters: a sentence, or an error's name and place. */
const MAX_CHARS = 1_024;

/** Passes on what a proxy logs, across its restarts, but never so much that it fills the disk. */
export class LogAllowance {
  readonly #log: Logger;
  readonly #now: () => number;
  #since = -Infinity;
  #lines = 0;

  constructor(log: Logger, now: () => number = Date.now) {
    this.#log = log;
    this.#now = now;
  }

  write(level: "info" | "warn" | "error", fields: object, text: string): void {
    if (this.#now() - this.#since >= PERIOD_MS) this.#begin();
    this.#lines++;
    if (this.#lines <= MAX_LINES)
      this.#log[level](fields, text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS - 1)}…` : text);
  }

  #begin(): void {
    const left = this.#lines - MAX_LINES;
    if (left > 0) this.#log.warn({}, `an egress proxy logged ${left} more lines, which are left out`);
    this.#since = this.#now();
    this.#lines = 0;
  }
}
