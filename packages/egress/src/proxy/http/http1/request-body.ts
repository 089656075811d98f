import { type Duplex, Writable } from "node:stream";
import { type Header, isValid } from "@sandkeep/common/http";
import { fieldLines } from "./head-text.ts";

export interface RequestBodyOptions {
  /** Length in bytes; null for chunked encoding. */
  length: number | null;
  /** Called when the body has ended; only used with chunked encoding. */
  trailers(): Header[];
  /** Nothing is written before this resolves. */
  turn: Promise<void>;
}

/** Frames a request's body on an HTTP/1.1 connection. Never ends the connection. */
export class RequestBody extends Writable {
  readonly #socket: Duplex;
  readonly #options: RequestBodyOptions;
  #left: number;

  constructor(socket: Duplex, options: RequestBodyOptions) {
    super();
    this.#socket = socket;
    this.#options = options;
    this.#left = options.length ?? 0;
  }

  override _construct(done: (error?: Error | null) => void): void {
    this.#options.turn.then(() => done(), done);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const socket = this.#socket;
    if (chunk.length === 0) return done();
    let more: boolean;
    if (this.#options.length === null) {
      socket.cork();
      socket.write(`${chunk.length.toString(16)}\r\n`, "latin1");
      socket.write(chunk);
      more = socket.write("\r\n", "latin1");
      socket.uncork();
    } else {
      // Excess bytes would be the beginning of another request.
      if ((this.#left -= chunk.length) < 0)
        return done(new Error("The body of the request is longer than its Content-Length."));
      more = socket.write(chunk);
    }
    if (more || socket.destroyed) done();
    else socket.once("drain", done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#options.length !== null)
      return done(this.#left === 0 ? null : new Error("The body of the request is shorter than its Content-Length."));
    this.#socket.write(`0\r\n${fieldLines(this.#options.trailers().filter(isValid))}\r\n`, "latin1");
    done();
  }
}
