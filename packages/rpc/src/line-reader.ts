/** Splits bytes that arrive in pieces into lines of UTF-8. */
export class LineReader {
  readonly #limit: number;
  #held: Buffer = Buffer.alloc(0);

  /** @param limit longest line, bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Takes the next piece and gives the lines it completes. @throws {RangeError} when a line is longer than allowed */
  *push(piece: Buffer): Generator<string> {
    let bytes = this.#held.length ? Buffer.concat([this.#held, piece]) : piece;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10)) {
      if (end > this.#limit) break;
      const line = bytes.toString("utf8", 0, end);
      bytes = bytes.subarray(end + 1);
      if (line) yield line;
    }
    if (bytes.length > this.#limit) throw new RangeError(`A line is longer than ${this.#limit} bytes.`);
    this.#held = bytes;
  }
}
