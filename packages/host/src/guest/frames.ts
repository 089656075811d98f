/** Frames of a process (streams `spawn` and `attach`): 8 bit type, 32 bit big-endian length, payload. */
import { MAX_FRAME_BYTES } from "./contract.ts";
import { Gathered } from "./gathered.ts";

const HEADER_BYTES = 5;

export interface Frame {
  type: number;
  payload: Buffer;
}

/**
 * Encodes bytes as frames of one type, each at most {@link MAX_FRAME_BYTES}. Without bytes it makes one empty frame,
 * which closes that input.
 */
export function encodeFrames(type: number, bytes: Uint8Array): Buffer {
  const count = Math.max(1, Math.ceil(bytes.length / MAX_FRAME_BYTES));
  const encoded = Buffer.allocUnsafe(count * HEADER_BYTES + bytes.length);
  let at = 0;
  for (let from = 0, n = 0; n < count; n++, from += MAX_FRAME_BYTES) {
    const payload = bytes.subarray(from, from + MAX_FRAME_BYTES);
    encoded[at] = type;
    encoded.writeUInt32BE(payload.length, at + 1);
    encoded.set(payload, at + HEADER_BYTES);
    at += HEADER_BYTES + payload.length;
  }
  return encoded;
}

/** Decodes frames from a body that arrives in pieces. */
export class FrameReader {
  #held = new Gathered();

  /** Takes the next piece and yields the frames it completes. @throws {RangeError} if a frame is larger than allowed */
  *push(piece: Buffer): Generator<Frame> {
    let bytes = piece;
    if (this.#held.length > 0) {
      this.#held.push(piece);
      bytes = this.#held.bytes;
    }
    const whole = bytes;
    while (bytes.length >= HEADER_BYTES) {
      const length = bytes.readUInt32BE(1);
      if (length > MAX_FRAME_BYTES) throw new RangeError(`A process frame of ${length} bytes is over the limit.`);
      if (bytes.length < HEADER_BYTES + length) break;
      const frame = { type: bytes[0]!, payload: bytes.subarray(HEADER_BYTES, HEADER_BYTES + length) };
      bytes = bytes.subarray(HEADER_BYTES + length);
      yield frame;
    }
    // Copied only when it is new, or something has been taken off.
    if (bytes === whole && this.#held.length > 0) return;
    this.#held = new Gathered();
    if (bytes.length > 0) this.#held.push(bytes);
  }
}
