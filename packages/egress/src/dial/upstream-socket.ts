import { Socket } from "node:net";

type Done = (error?: Error | null) => void;

/**
 * A socket on which reading goes on after sending has failed: an upstream that answers before it has read everything, and closes, has
 * its answer here already when the next write fails. What is still to be sent is dropped, and the error comes when everything has
 * been read.
 */
export class UpstreamSocket extends Socket {
  #failure: Error | null = null;

  constructor() {
    super({ allowHalfOpen: true });
    this.setNoDelay(true);
  }

  /** An end that comes after sending has failed is the failure. */
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
      // When everything has been read there is nothing to wait for.
      if (!error || this.destroyed || this.readableEnded) return done(error);
      this.#failure ??= error;
      done();
    };
  }
}
