/** A second, simple implementation of WebSocket frames, to test the proxy's. */

export interface Frame {
  final: boolean;
  opcode: number;
  payload: Buffer;
}

export function frame(opcode: number, payload: Buffer, { final = true, mask = false } = {}): Buffer {
  const length =
    payload.length < 126
      ? [payload.length]
      : payload.length < 65_536
        ? [126, payload.length >> 8, payload.length & 255]
        : null;
  const head = length ? Buffer.from([(final ? 128 : 0) | opcode, ...length]) : Buffer.alloc(10);
  if (!length) {
    head[0] = (final ? 128 : 0) | opcode;
    head[1] = 127;
    head.writeUInt32BE(payload.length, 6);
  }
  if (!mask) return Buffer.concat([head, payload]);
  head[1]! |= 128;
  const key = Buffer.from([1, 2, 3, 4]);
  return Buffer.concat([head, key, payload.map((byte, at) => byte ^ key[at % 4]!)]);
}

export class FrameReader {
  #held = Buffer.alloc(0);
  readonly #take: (frame: Frame) => void;

  constructor(take: (frame: Frame) => void) {
    this.#take = take;
  }

  push(chunk: Buffer): void {
    this.#held = Buffer.concat([this.#held, chunk]);
    for (let read = this.#read(); read; read = this.#read()) this.#take(read);
  }

  #read(): Frame | null {
    const held = this.#held;
    if (held.length < 2) return null;
    const short = held[1]! & 127;
    const from = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    if (held.length < from) return null;
    const length = short === 126 ? held.readUInt16BE(2) : short === 127 ? held.readUInt32BE(6) : short;
    const start = from + (held[1]! & 128 ? 4 : 0);
    if (held.length < start + length) return null;
    const key = held.subarray(from, start);
    const payload = Buffer.from(held.subarray(start, start + length)).map((byte, at) =>
      key.length ? byte ^ key[at % 4]! : byte,
    );
    this.#held = Buffer.from(held.subarray(start + length));
    return { final: held[0]! >= 128, opcode: held[0]! & 15, payload: Buffer.from(payload) };
  }
}
