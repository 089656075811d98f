/** Logs uncaught errors of the proxy, rate-limited: a guest may be able to cause the same one over and over. */

/** The same place is logged once in this time, milliseconds. */
const REST_MS = 60_000;
/** Places logged in that time; further ones are only counted. */
const MAX_PLACES = 32;

export class FaultLog {
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  /** By place: how often since it was logged. */
  #counts = new Map<string, number>();
  #left = 0;
  #since = -Infinity;

  constructor(write: (text: string) => void, now: () => number = Date.now) {
    this.#write = write;
    this.#now = now;
  }

  /** Logs only the error's name and place: its message may contain parts of a request. */
  report(error: unknown): void {
    if (this.#now() - this.#since >= REST_MS) this.#begin();
    const place = `${nameOf(error)} ${placeOf(error)}`;
    const count = this.#counts.get(place);
    if (count !== undefined) this.#counts.set(place, count + 1);
    else if (this.#counts.size >= MAX_PLACES) this.#left++;
    else {
      this.#counts.set(place, 0);
      this.#write(`unexpected ${place}`);
    }
  }

  #begin(): void {
    for (const [place, count] of this.#counts) if (count > 0) this.#write(`unexpected ${place}, ${count} times more`);
    if (this.#left > 0) this.#write(`unexpected errors in other places, ${this.#left} times`);
    this.#counts = new Map();
    this.#left = 0;
    this.#since = this.#now();
  }
}

function nameOf(error: unknown): string {
  const name = (error as Error | undefined)?.name;
  return typeof name === "string" ? name.slice(0, 64) : "error";
}

function placeOf(error: unknown): string {
  const stack = (error as Error | undefined)?.stack;
  const frames = typeof stack === "string" ? stack.split("\n").filter((line) => /^ +at /.test(line)) : [];
  return frames
    .slice(0, 3)
    .map((line) => line.trim().slice(0, 200))
    .join(" ");
}
