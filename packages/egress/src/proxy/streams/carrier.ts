import { Duplex } from "node:stream";

/**
 * A connection as a mere stream of bytes. Directly on a socket, Node's TLS sets 64 KiB aside for as long as the connection lives;
 * this way it takes what has come, as much as has come. Node's HTTP/2 would go past the socket's own methods, and lose an answer that is
 * there when sending fails.
 */
export class Carrier extends Duplex {
  readonly #socket: Duplex;

  /** @param options.tellsEnd whether its own side that is read ends when the connection's does */
  constructor(socket: Duplex, { tellsEnd = true } = {}) {
    super();
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    if (tellsEnd) socket.once("end", () => this.push(null));
    socket.once("error", (error) => this.destroy(error));
    socket.once("close", () => this.destroy());
    socket.pause();
    // It may have happened before. (That it was destroyed is noticed when TLS writes.)
    if (tellsEnd && socket.readableEnded) this.push(null);
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
