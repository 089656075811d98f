/** Prefix messages: 32 bit big-endian length, then that many bytes of JSON, at the beginning of each body of a stream. */
import { MAX_CALL_BYTES } from "./contract.ts";

const LENGTH_BYTES = 4;

/** Encodes a prefix message. @throws {RangeError} if the JSON is larger than {@link MAX_CALL_BYTES} */
export function encodePrefix(value: unknown): Buffer {
  const json = Buffer.from(JSON.stringify(value));
  if (json.length > MAX_CALL_BYTES)
    throw new RangeError(`A prefix message has at most ${MAX_CALL_BYTES} bytes, this one ${json.length}.`);
  const message = Buffer.allocUnsafe(LENGTH_BYTES + json.length);
  message.writeUInt32BE(json.length);
  json.copy(message, LENGTH_BYTES);
  return message;
}

/** Reads the prefix message of a body that arrives in pieces. */
export class PrefixReader {
  #pieces: Buffer[] = [];
  #held = 0;
  #wanted: number | null = null;

  /**
   * Takes the next piece; returns the message and the bytes after it once it is complete.
   * @throws {RangeError} when the announced length is over {@link MAX_CALL_BYTES}
   * @throws {SyntaxError} when it is not JSON
   */
  push(piece: Buffer): { value: unknown; rest: Buffer } | null {
    this.#pieces.push(piece);
    this.#held += piece.length;
    if (this.#wanted === null) {
      if (this.#held < LENGTH_BYTES) return null;
      const start = this.#join();
      this.#wanted = start.readUInt32BE();
      if (this.#wanted > MAX_CALL_BYTES)
        throw new RangeError(`A prefix message of ${this.#wanted} bytes is over the limit.`);
    }
    const end = LENGTH_BYTES + this.#wanted;
    if (this.#held < end) return null;
    const whole = this.#join();
    return { value: JSON.parse(whole.toString("utf8", LENGTH_BYTES, end)), rest: whole.subarray(end) };
  }

  #join(): Buffer {
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [whole];
    return whole;
  }
}
