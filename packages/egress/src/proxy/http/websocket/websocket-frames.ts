/** WebSocket frames (RFC 6455 §5.2): parsed strictly, and rewritten with a changed payload. */
import { randomBytes } from "node:crypto";
import { Transform, type TransformCallback } from "node:stream";
import type { Scanner } from "../../../secrets/mod.ts";
import { MAX_WEBSOCKET_HELD_BYTES, MAX_WEBSOCKET_HELD_PARTS } from "../../limits.ts";

const CONTINUATION = 0;
const BINARY = 2;
const CLOSE = 8;
const PONG = 10;
const FIN = 0x80;
const MASK = 0x80;
const MAX_CONTROL_BYTES = 125;

/** An invalid frame. */
export class FrameError extends Error {
  override name = "FrameError";
}

export interface FrameOptions {
  /** Whether the frames are masked, because they come from a client. */
  masked: boolean;
  /** The scanner for a message's payload; called at the beginning of each message. */
  message(): Scanner;
  /** The scanner for a control frame's payload, which must not become longer. */
  control(): Scanner | null;
}

interface Frame {
  final: boolean;
  opcode: number;
  mask: Buffer | null;
  left: number;
  at: number;
}

/**
 * Rewrites frames: each one with the same meaning, its payload passed through a scanner. The scanner may hold back a possible beginning of a
 * match until the next part of the message. No extensions may be in use.
 */
export class Frames extends Transform {
  readonly #options: FrameOptions;
  #input: Buffer = Buffer.alloc(0);
  #frame: Frame | null = null;
  /** Scanner of the current message. */
  #scanner: Scanner | null = null;
  #opcode = 0;
  #begun = false;
  #ready: Buffer[] = [];
  #readyBytes = 0;
  #control: Buffer[] = [];

  constructor(options: FrameOptions) {
    super();
    this.#options = options;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#input = this.#input.length > 0 ? Buffer.concat([this.#input, chunk]) : chunk;
      while (this.#frame ? this.#payload() : this.#head());
      // A copy, so that a few bytes do not keep a whole chunk in memory.
      this.#input = Buffer.from(this.#input);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    // An incomplete frame at the end of the connection is lost.
    done();
  }

  /** Parses a frame's head. Returns false if more bytes are needed. */
  #head(): boolean {
    const input = this.#input;
    if (input.length < 2) return false;
    const [first, second] = [input[0]!, input[1]!];
    const opcode = first & 15;
    const short = second & 127;
    if ((first & 0x70) !== 0) throw new FrameError("a frame with bits of an extension");
    if ((opcode > BINARY && opcode < CLOSE) || opcode > PONG) throw new FrameError("a frame of an unknown kind");
    if (((second & MASK) !== 0) !== this.#options.masked)
      throw new FrameError(this.#options.masked ? "a frame without a mask" : "a frame with a mask");
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    const length = 2 + extra + (this.#options.masked ? 4 : 0);
    if (input.length < length) return false;
    const bytes = extra === 0 ? short : extra === 2 ? input.readUInt16BE(2) : Number(input.readBigUInt64BE(2));
    if (!Number.isSafeInteger(bytes)) throw new FrameError("a frame that is too long");
    const final = (first & FIN) !== 0;
    if (opcode >= CLOSE) {
      if (!final || bytes > MAX_CONTROL_BYTES) throw new FrameError("a control frame that is too long or in parts");
    } else this.#expect(opcode);
    this.#frame = {
      final,
      opcode,
      mask: this.#options.masked ? Buffer.from(input.subarray(length - 4, length)) : null,
      left: bytes,
      at: 0,
    };
    this.#input = input.subarray(length);
    return true;
  }

  #expect(opcode: number): void {
    if ((opcode === CONTINUATION) !== (this.#scanner !== null))
      throw new FrameError("a part of a message out of order");
    if (opcode === CONTINUATION) return;
    this.#scanner = this.#options.message();
    this.#opcode = opcode;
    this.#begun = false;
  }

  /** Takes the available part of a frame's payload. Returns false if more bytes are needed. */
  #payload(): boolean {
    const frame = this.#frame!;
    const part = this.#input.subarray(0, frame.left);
    this.#input = this.#input.subarray(part.length);
    frame.left -= part.length;
    const plain = frame.mask ? xor(part, frame.mask, frame.at) : part;
    frame.at += part.length;
    if (frame.opcode >= CLOSE) this.#control.push(plain);
    else this.#keep(this.#scanner!.push(plain));
    if (frame.left > 0) {
      // An incomplete frame is held back, as it is of no use to its reader, up to a limit.
      if (this.#readyBytes > MAX_WEBSOCKET_HELD_BYTES || this.#ready.length > MAX_WEBSOCKET_HELD_PARTS)
        this.#write(false);
      return false;
    }
    this.#end(frame);
    return true;
  }

  #end(frame: Frame): void {
    this.#frame = null;
    if (frame.opcode >= CLOSE) {
      const payload = Buffer.concat(this.#control.splice(0));
      const scanner = this.#options.control();
      this.push(
        this.#encode(
          true,
          frame.opcode,
          scanner ? Buffer.concat([...scanner.push(payload), ...scanner.flush()]) : payload,
        ),
      );
      return;
    }
    if (frame.final) {
      this.#keep(this.#scanner!.flush());
      this.#scanner = null;
      this.#write(true);
    } else if (this.#readyBytes > 0) this.#write(false);
  }

  #keep(parts: Buffer[]): void {
    for (const part of parts) {
      this.#ready.push(part);
      this.#readyBytes += part.length;
    }
  }

  #write(final: boolean): void {
    const opcode = this.#begun ? CONTINUATION : this.#opcode;
    this.#begun = true;
    this.push(this.#encode(final, opcode, Buffer.concat(this.#ready.splice(0))));
    this.#readyBytes = 0;
  }

  #encode(final: boolean, opcode: number, payload: Buffer): Buffer {
    const { masked } = this.#options;
    const extra = payload.length < 126 ? 0 : payload.length < 65_536 ? 2 : 8;
    const head = Buffer.alloc(2 + extra);
    head[0] = (final ? FIN : 0) | opcode;
    head[1] = (masked ? MASK : 0) | (extra === 0 ? payload.length : extra === 2 ? 126 : 127);
    if (extra === 2) head.writeUInt16BE(payload.length, 2);
    if (extra === 8) head.writeBigUInt64BE(BigInt(payload.length), 2);
    if (!masked) return Buffer.concat([head, payload]);
    const mask = randomBytes(4);
    return Buffer.concat([head, mask, xor(payload, mask, 0)]);
  }
}

function xor(bytes: Buffer, mask: Buffer, offset: number): Buffer {
  const result = Buffer.allocUnsafe(bytes.length);
  for (let at = 0; at < bytes.length; at++) result[at] = bytes[at]! ^ mask[(offset + at) & 3]!;
  return result;
}
