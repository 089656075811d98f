import { Duplex } from "node:stream";
import { UpstreamSocket } from "../../dial/upstream-socket.ts";

/**
 * Wraps a socket as a plain stream, which changes what Node does with it. Directly on a socket, Node's TLS reserves 64 KiB for the lifetime
 * of the connection; on a plain stream it takes chunks as they come. Node's HTTP/2 would bypass the socket's methods, and lose a response
 * that has already arrived when a write fails.
 */
export class Carrier extends Duplex {
  readonly #socket: Duplex;

  /** @param options.tellsEnd whether reading ends when the socket's does */
  constructor(socket: Duplex, { tellsEnd = true } = {}) {
    super();
    this.#socket = socket;
    if (socket instanceof UpstreamSocket) socket.readDirectly((chunk) => this.#pass(chunk));
    socket.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    if (tellsEnd) socket.once("end", () => this.push(null));
    socket.once("error", (error) => this.destroy(error));
    socket.once("close", () => this.destroy());
    socket.pause();
    // It may have ended before. (TLS notices a destroyed socket when it writes.)
    if (tellsEnd && socket.readableEnded) this.push(null);
  }

  /** Node's TLS and HTTP/2 copy each piece as soon as they get it, unless they have paused. */
  #pass(chunk: Buffer): boolean {
    if (!this.readableFlowing || this.readableLength > 0 || this.destroyed) return false;
    return this.emit("data", chunk);
  }

  /** Nothing more is read: what arrives while it is paused would have to be copied. */
  override pause(): this {
    this.#socket.pause();
    return super.pause();
  }

  override resume(): this {
    this.#socket.resume();
    return super.resume();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
