/** Longest line of an app's output, bytes. A longer one becomes several. */
const MAX_LINE_BYTES = 4 * 1024;
const NEWLINE = 0x0a;

/** Splits what an app prints into lines. Memory is bounded, whatever it prints. */
export class Lines {
  readonly #maxBytes: number;
  #held: Buffer = Buffer.alloc(0);

  constructor(maxBytes = MAX_LINE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that are complete now, without those that are empty. */
  *push(bytes: Buffer): Generator<string> {
    let rest = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    for (;;) {
      const end = rest.indexOf(NEWLINE);
      const length = end >= 0 && end <= this.#maxBytes ? end : rest.length > this.#maxBytes ? this.#maxBytes : null;
      if (length === null) break;
      const text = textOf(rest.subarray(0, length));
      if (text !== "") yield text;
      rest = rest.subarray(length === end ? length + 1 : length);
    }
    this.#held = Buffer.from(rest);
  }

  /** What is left when the output has ended. */
  end(): string | null {
    const text = textOf(this.#held);
    this.#held = Buffer.alloc(0);
    return text === "" ? null : text;
  }
}

/** Without the return of terminals, and without NUL, which databases do not take. */
const textOf = (bytes: Buffer) => bytes.toString("utf8").replace(/\r$/, "").replaceAll("\0", "�");
