/** Prefix messages: 32 bit big-endian length, then that many bytes of JSON, at the beginning of each body of a stream. */
import { MAX_CALL_BYTES } from "./contract.ts";
import { Gathered } from "./gathered.ts";

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
  readonly #maxBytes: number;
  readonly #held = new Gathered();

  /** @param maxBytes of the JSON */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes the next piece; returns the message and the bytes after it once it is complete.
   * @throws {RangeError} when the announced length is over the limit
   * @throws {SyntaxError} when it is not JSON
   */
  push(piece: Buffer): { value: unknown; rest: Buffer } | null {
    // What follows the message stays where it is.
    const whole = this.#held.length === 0 ? piece : this.#joined(piece);
    const end = this.#end(whole);
    if (end !== null && whole.length >= end)
      return { value: JSON.parse(whole.toString("utf8", LENGTH_BYTES, end)), rest: whole.subarray(end) };
    if (whole === piece) this.#held.push(piece);
    return null;
  }

  #joined(piece: Buffer): Buffer {
    this.#held.push(piece);
    return this.#held.bytes;
  }

  #end(whole: Buffer): number | null {
    if (whole.length < LENGTH_BYTES) return null;
    const length = whole.readUInt32BE();
    if (length > this.#maxBytes) throw new RangeError(`A prefix message of ${length} bytes is over the limit.`);
    return LENGTH_BYTES + length;
  }
}
