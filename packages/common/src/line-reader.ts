const NEWLINE = 0x0a;

/** Splits bytes that arrive in pieces into lines of UTF-8. The memory for an unfinished line is limited. */
export class LineReader {
  readonly #maxBytes: number;
  /** The beginning of an unfinished line; the buffer may have room for more. */
  #held: Buffer = Buffer.alloc(0);
  #length = 0;

  /** @param maxBytes longest line, without its newline */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes the next piece and yields the lines that it completes, without their newlines. Empty lines are skipped.
   *
   * @throws {RangeError} when a line is longer than allowed, after the lines before it have been given
   */
  *push(piece: Buffer): Generator<string> {
    let start = 0;
    for (let end: number; (end = piece.indexOf(NEWLINE, start)) !== -1; start = end + 1) {
      const line = this.#complete(piece.subarray(start, end));
      if (line !== "") yield line;
    }
    if (start < piece.length) this.#hold(piece.subarray(start));
  }

  #complete(rest: Buffer): string {
    if (this.#length === 0) {
      this.#check(rest.length);
      return rest.toString("utf8");
    }
    this.#hold(rest);
    const line = this.#held.toString("utf8", 0, this.#length);
    this.#held = Buffer.alloc(0);
    this.#length = 0;
    return line;
  }

  /**
   * Appends to the unfinished line. The buffer doubles, so that a line in many small pieces is not copied for each
   * piece.
   */
  #hold(bytes: Buffer): void {
    const length = this.#length + bytes.length;
    this.#check(length);
    if (length > this.#held.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, Math.min(2 * this.#held.length, this.#maxBytes)));
      this.#held.copy(larger, 0, 0, this.#length);
      this.#held = larger;
    }
    bytes.copy(this.#held, this.#length);
    this.#length = length;
  }

  #check(length: number): void {
    if (length > this.#maxBytes) throw new RangeError(`A line is longer than ${this.#maxBytes} bytes.`);
  }
}
