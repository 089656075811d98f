import { ESCAPE_START } from "./escapes.ts";

/** Indexed by two bytes as one number, in any order: 1 if an escape begins with one of them. */
const ESCAPE_START_PAIR = new Uint8Array(1 << 16);
for (let pair = 0; pair < 1 << 16; pair++)
  ESCAPE_START_PAIR[pair] = ESCAPE_START[pair >> 8]! | ESCAPE_START[pair & 0xff]!;

/** Finds where escapes may begin. Examines two bytes at a time, because most of the search time is spent here. */
export class EscapeStarts {
  readonly #data: Buffer;
  /** The data as 16-bit numbers, from its first even address on. */
  readonly #pairs: Uint16Array;
  /** Index of the first pair: 0 or 1. */
  readonly #offset: number;
  /** The first one, or the data's length if there is none. The native search is very cheap for data without any. */
  readonly #first: number;

  constructor(data: Buffer) {
    this.#data = data;
    this.#offset = data.byteOffset & 1;
    this.#pairs = new Uint16Array(
      data.buffer,
      data.byteOffset + this.#offset,
      Math.max(0, data.length - this.#offset) >> 1,
    );
    this.#first = ["%", "\\", "&"].reduce((first, start) => {
      const at = data.indexOf(start, 0, "latin1");
      return at >= 0 && at < first ? at : first;
    }, data.length);
  }

  /** Whether there are none. */
  get none(): boolean {
    return this.#first === this.#data.length;
  }

  /** The first one from `at` on, or `stop` if there is none before it. */
  next(at: number, stop: number): number {
    if (at < this.#first) at = Math.min(stop, this.#first);
    return nextStart(this.#data, this.#pairs, this.#offset, at, stop);
  }
}

/** A separate function, so that it is compiled to a tight loop. */
function nextStart(data: Uint8Array, pairs: Uint16Array, offset: number, at: number, stop: number): number {
  if (at < stop && (at & 1) !== offset) {
    if (ESCAPE_START[data[at]!] === 1) return at;
    at++;
  }
  if (at >= stop) return stop;
  const last = (stop - offset) >> 1;
  let pair = (at - offset) >> 1;
  while (pair < last && ESCAPE_START_PAIR[pairs[pair]!] === 0) pair++;
  at = (pair << 1) + offset;
  while (at < stop && ESCAPE_START[data[at]!] === 0) at++;
  return at;
}
