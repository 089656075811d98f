import { Socket } from "node:net";

/** Bytes read at once. */
const READ_BYTES = 64 * 1024;

/** What all connections read into: each piece is used or copied before the next read. A buffer for each read would keep the garbage collector busy. */
const reading = Buffer.allocUnsafeSlow(READ_BYTES);

type Done = (error?: Error | null) => void;

/**
 * A socket that can still be read after a write has failed. An upstream may respond before it has read the whole request, and close:
 * its response has already arrived when the next write fails. Pending writes are dropped, and the error is emitted once everything
 * has been read.
 */
export class UpstreamSocket extends Socket {
  #failure: Error | null = null;
  #take: ((chunk: Buffer) => boolean) | null = null;

  constructor() {
    super({
      allowHalfOpen: true,
      onread: {
        buffer: reading,
        callback: (length) => {
          const chunk = reading.subarray(0, length);
          return (this.readableLength === 0 && this.#take?.(chunk)) || this.push(Buffer.from(chunk));
        },
      },
    });
    this.setNoDelay(true);
  }

  /**
   * Offers each piece that is read to a function before it becomes a `data` event. The function either uses it before it returns, because the
   * memory is then reused, or returns false.
   */
  readDirectly(take: (chunk: Buffer) => boolean): void {
    this.#take = take;
  }

  /** After a failed write, the end of reading becomes the write's error. */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (event !== "end" || !this.#failure) return super.emit(event as string, ...values);
    this.destroy(this.#failure);
    return true;
  }

  override _write(chunk: unknown, encoding: BufferEncoding, done: Done): void {
    if (this.#failure) done();
    else super._write(chunk, encoding, this.#tolerant(done));
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], done: Done): void {
    if (this.#failure) done();
    else super._writev!(chunks, this.#tolerant(done));
  }

  override _final(done: Done): void {
    if (this.#failure) done();
    else super._final(this.#tolerant(done));
  }

  #tolerant(done: Done): Done {
    return (error) => {
      // Everything has been read: nothing to wait for.
      if (!error || this.destroyed || this.readableEnded) return done(error);
      this.#failure ??= error;
      done();
    };
  }
}
