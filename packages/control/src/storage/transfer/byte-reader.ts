import type { Hash } from "node:crypto";
import type { Readable } from "node:stream";

/** Reads a stream piece by piece, in the lengths that its format has, and hashes what it has read. */
export class ByteReader {
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #hash: Hash;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: Readable, hash: Hash) {
    this.#pieces = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#hash = hash;
  }

  /**
   * The next bytes, all at once.
   *
   * @param hash null: they are not part of what is hashed
   * @throws if the stream ends before
   */
  async take(bytes: number, hash: Hash | null = this.#hash): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let left = bytes; left > 0; ) {
      const piece = await this.#next(left);
      pieces.push(piece);
      left -= piece.length;
    }
    const all = Buffer.concat(pieces);
    hash?.update(all);
    return all;
  }

  /** The next bytes, as they arrive. @throws if the stream ends before */
  async *stream(bytes: number): AsyncGenerator<Buffer> {
    for (let left = bytes; left > 0; ) {
      const piece = await this.#next(left);
      this.#hash.update(piece);
      left -= piece.length;
      yield piece;
    }
  }

  /** Whether nothing follows. */
  async ended(): Promise<boolean> {
    return this.#rest.length === 0 && (await this.#pieces.next()).done === true;
  }

  /** At most so many bytes, at least one. */
  async #next(most: number): Promise<Buffer> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#pieces.next();
      if (done) throw new Error("it ends too early");
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }
}
