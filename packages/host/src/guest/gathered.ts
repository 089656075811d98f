/**
 * Bytes that arrive in pieces. They are copied into one place: a hostile guest sends pieces of one byte, each of which would take a hundred
 * in memory for itself, or be copied again with every further one.
 */
export class Gathered {
  #room: Buffer = Buffer.alloc(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** What has come so far; valid until the next piece. */
  get bytes(): Buffer {
    return this.#room.subarray(0, this.#length);
  }

  push(piece: Uint8Array): void {
    const needed = this.#length + piece.length;
    if (needed > this.#room.length) {
      const room = Buffer.allocUnsafe(Math.max(needed, 2 * this.#room.length));
      this.#room.copy(room, 0, 0, this.#length);
      this.#room = room;
    }
    this.#room.set(piece, this.#length);
    this.#length = needed;
  }
}
