import { SCROLLBACK_BYTES } from "./limits.ts";

const FIRST_BYTES = 16 * 1024;
const NEWLINE = 0x0a;

/** The last bytes of a terminal's output, each by its position in all of the output. */
export class Scrollback {
  #ring = Buffer.alloc(FIRST_BYTES);
  #begin = 0;
  #end = 0;

  /** Position of the oldest byte that is kept. */
  get begin(): number {
    return this.#begin;
  }

  /** How many bytes there were. */
  get end(): number {
    return this.#end;
  }

  push(bytes: Uint8Array): void {
    this.#makeRoom(this.#end - this.#begin + bytes.length);
    const { length } = this.#ring;
    const kept = bytes.subarray(Math.max(0, bytes.length - length));
    this.#end += bytes.length;
    this.#begin = Math.max(this.#begin, this.#end - length);
    const at = (this.#end - kept.length) % length;
    this.#ring.set(kept.subarray(0, length - at), at);
    this.#ring.set(kept.subarray(length - at), 0);
  }

  /** A copy of what is kept between two positions. */
  slice(from: number, to: number): Buffer {
    const { length } = this.#ring;
    const at = from % length;
    const first = this.#ring.subarray(at, Math.min(length, at + (to - from)));
    return Buffer.concat([first, this.#ring.subarray(0, to - from - first.length)]);
  }

  /** Where somebody begins who has seen nothing: at the beginning of a line, and not within a character or an escape sequence. */
  get entry(): number {
    if (this.#begin === 0) return 0;
    const newline = this.slice(this.#begin, this.#end).indexOf(NEWLINE);
    return newline < 0 ? this.#end : this.#begin + newline + 1;
  }

  #makeRoom(bytes: number): void {
    const { length } = this.#ring;
    if (bytes <= length || length === SCROLLBACK_BYTES) return;
    const kept = this.slice(this.#begin, this.#end);
    let larger = length;
    while (larger < bytes && larger < SCROLLBACK_BYTES) larger *= 2;
    this.#ring = Buffer.alloc(Math.min(larger, SCROLLBACK_BYTES));
    const at = this.#begin % this.#ring.length;
    this.#ring.set(kept.subarray(0, this.#ring.length - at), at);
    this.#ring.set(kept.subarray(this.#ring.length - at), 0);
  }
}
