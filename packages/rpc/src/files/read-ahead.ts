/**
 * Read-ahead for a client that reads a file in pieces, with a round trip for each: after two sequential reads, the next
 * pieces are fetched from the guest while the client handles the last one.
 *
 * Readers must not notice it. So only regular files are read ahead, the end of the file is always checked again, and
 * read-ahead is discarded (and the guest's position restored) as soon as anything else happened in the sandbox that could
 * have changed the file, or when it is older than a moment.
 *
 * All methods are called one after the other, in the order of the client's calls on this handle.
 */
import type { Guest } from "@sandkeep/host";
import { collect, openStream } from "../streams/guest-io.ts";

/** Number of sequential reads after which the next ones are expected to be sequential too. */
const SEQUENTIAL_READS = 2;

/** What read-ahead needs from its surroundings. */
export interface ReadAheadOptions {
  /** Bytes fetched at once. */
  pieceBytes: number;
  /** Age at which bytes are discarded, ms. */
  maxAgeMs: number;
  /** Memory that reading ahead takes for all files of a client together. */
  budget: ReadAheadBudget;
  /** Changes whenever something happened in the sandbox that could change a file. */
  epoch: () => number;
}

/** Bytes that are being fetched or held, and their limit. */
export interface ReadAheadBudget {
  used: number;
  readonly total: number;
}

interface Piece {
  bytes: Buffer;
  epoch: number;
  atMs: number;
}

export class ReadAhead {
  readonly #guest: Guest;
  readonly #handle: number;
  readonly #options: ReadAheadOptions;
  #sequential = 0;
  #eligible: boolean | null = null;
  #piece: Piece | null = null;
  #fetching: Promise<Piece | null> | null = null;
  /** Why fetching failed; from then on the guest's position is unknown. */
  #failure: unknown = null;

  constructor(guest: Guest, handle: number, options: ReadAheadOptions) {
    this.#guest = guest;
    this.#handle = handle;
    this.#options = options;
  }

  /** At most `length` bytes from the handle's position; none at the end of the file. */
  async read(length: number): Promise<Buffer> {
    if (this.#fetching && !this.#piece) await this.#land();
    if (this.#failure) throw this.#failure;
    if (this.#piece && !this.#fresh(this.#piece)) await this.discard();
    if (this.#piece) {
      const bytes = await this.#take(length);
      this.#fetchNext();
      return bytes;
    }
    const bytes = await this.#readNow(length);
    if (bytes.length < length) this.#sequential = 0;
    else if (++this.#sequential >= SEQUENTIAL_READS && (await this.#isEligible())) this.#fetchNext();
    return bytes;
  }

  /** Call it before any other operation on the handle: moves its position to where the client expects it. */
  async discard(): Promise<void> {
    this.#sequential = 0;
    this.#failure = null;
    let unread = this.#piece?.bytes.length ?? 0;
    this.#drop();
    if (this.#fetching) {
      await this.#land();
      unread += (this.#piece as Piece | null)?.bytes.length ?? 0;
      this.#drop();
    }
    if (unread) await this.#guest.call("fileSeek", { handle: this.#handle, offset: String(-unread), whence: 1 });
  }

  /** Call it when the handle is closed: frees its memory. */
  close(): void {
    this.#drop();
    void this.#land().then(() => this.#drop());
  }

  #fresh(piece: Piece): boolean {
    return piece.epoch === this.#options.epoch() && performance.now() - piece.atMs < this.#options.maxAgeMs;
  }

  /** Up to `length` bytes of what was fetched, joined with the next piece if that is needed and fresh. */
  async #take(length: number): Promise<Buffer> {
    const piece = this.#piece!;
    if (piece.bytes.length > length) {
      const bytes = piece.bytes.subarray(0, length);
      piece.bytes = piece.bytes.subarray(length);
      return bytes;
    }
    this.#drop();
    // A short read would be valid, but a full one saves the client a round trip.
    if (piece.bytes.length === length || !this.#fetching) return piece.bytes;
    await this.#land();
    const next = this.#piece as Piece | null;
    if (!next || !this.#fresh(next)) return piece.bytes;
    return Buffer.concat([piece.bytes, await this.#take(length - piece.bytes.length)]);
  }

  /** Waits for the piece being fetched and serves from it; there is none at the end of the file. */
  async #land(): Promise<void> {
    const landed = await this.#fetching;
    this.#fetching = null;
    this.#piece = landed ?? null;
  }

  /** Drops the piece that is being served. */
  #drop(): void {
    if (this.#piece) this.#options.budget.used -= this.#options.pieceBytes;
    this.#piece = null;
  }

  #fetchNext(): void {
    const { budget, pieceBytes } = this.#options;
    if (this.#fetching || budget.used + pieceBytes > budget.total) return;
    budget.used += pieceBytes;
    const nothing = () => {
      budget.used -= pieceBytes;
      return null;
    };
    const epoch = this.#options.epoch();
    const atMs = performance.now();
    this.#fetching = this.#readNow(pieceBytes).then(
      (bytes) => (bytes.length ? { bytes, epoch, atMs } : nothing()),
      (error: unknown) => {
        this.#failure = error;
        return nothing();
      },
    );
  }

  async #isEligible(): Promise<boolean> {
    if (this.#eligible === null) {
      const { isFile, size } = await this.#guest.call("fileStat", { handle: this.#handle });
      // Files in /proc have no size, and reading them can have side effects.
      this.#eligible = isFile && size > this.#options.pieceBytes;
    }
    return this.#eligible;
  }

  async #readNow(length: number): Promise<Buffer> {
    const stream = openStream(this.#guest, "fileRead", { handle: this.#handle, length });
    const [, bytes] = await Promise.all([
      stream.head,
      collect(stream, length, () => new RangeError("The guest returned more than was requested.")),
    ]);
    return bytes;
  }
}
