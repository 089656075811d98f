import { Transform, type TransformCallback } from "node:stream";
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from "node:zlib";
import { MAX_CODINGS } from "../limits.ts";

/** Names of content codings (RFC 9110, section 8.4.1) that can be opened, besides `identity`. */
export const SUPPORTED_ENCODINGS = ["gzip", "x-gzip", "deflate", "br", "zstd"] as const;

/** Bytes that a decoder gives out at once. With Node's 16 KiB, more time goes into handing them on. */
const CHUNK_BYTES = 65_536;
/** RFC 9659: a window of zstd is at most 8 MiB in HTTP. More would be memory that the other end decides about. */
const ZSTD_WINDOW_LOG = 23;

const OPTIONS = { chunkSize: CHUNK_BYTES };

/** A decoder. */
export interface DecodingStream extends Transform {
  /** Whether there is more to read of what has been written, though not at once. */
  readonly holds: boolean;
}

/** Makers of decoders, which may look at the first two bytes. */
const DECODERS: Record<(typeof SUPPORTED_ENCODINGS)[number], (first: number, second: number) => Transform> = {
  gzip: () => createGunzip(OPTIONS),
  "x-gzip": () => createGunzip(OPTIONS),
  // The zlib format by RFC 9110, but some servers send the raw one. RFC 1950, section 2.2: method 8, and a check that makes the two
  // bytes a multiple of 31.
  deflate: (first, second) =>
    (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0 ? createInflate(OPTIONS) : createInflateRaw(OPTIONS),
  br: () => createBrotliDecompress({ ...OPTIONS, flush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ ...OPTIONS, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
};

/**
 * Streams that open a body with this `Content-Encoding`, in the order in which the body has to pass through them; none for
 * `identity`. They give out what they can as data arrives, keep backpressure (whatever a small input grows to), and end with
 * an error when the data is broken or ends too early. A body without a byte is taken for empty, whatever its coding.
 *
 * @returns null when a coding is not known, or there are more than {@link MAX_CODINGS}.
 */
export function decoder(encoding: string): DecodingStream[] | null {
  const codings = encoding
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity");
  if (codings.length > MAX_CODINGS) return null;
  if (!codings.every(isSupported)) return null;
  // Listed in the order in which they were applied.
  return codings.reverse().map((coding) => new Decoder(DECODERS[coding]));
}

const isSupported = (coding: string): coding is keyof typeof DECODERS => Object.hasOwn(DECODERS, coding);

/** An `Accept-Encoding` without what cannot be opened (RFC 9110, section 12.5.3); `*` could be anything and goes too. */
export function filterAcceptEncoding(header: string): string {
  const items = header.split(",").map((item) => item.trim());
  const kept = items.filter((item) => {
    const coding = item.split(";", 1)[0]!.trim().toLowerCase();
    return coding === "identity" || isSupported(coding);
  });
  if (kept.length === items.length) return header;
  return kept.length > 0 ? kept.join(", ") : "identity";
}

/** Opens one coding, by a decoder that is made when the first two bytes are there. */
class Decoder extends Transform implements DecodingStream {
  readonly #make: (first: number, second: number) => Transform;
  #inner: Transform | undefined;
  /** Of the first two bytes, while there are fewer. */
  #first = Buffer.alloc(0);
  /** Whether the coded data is at its end. Nothing that follows means anything. */
  #ended = false;

  constructor(make: (first: number, second: number) => Transform) {
    super({ readableHighWaterMark: CHUNK_BYTES });
    this.#make = make;
  }

  get holds(): boolean {
    return this.readableLength + (this.#inner?.readableLength ?? 0) > 0;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#ended) done();
    else if (this.#inner) this.#inner.write(chunk, done);
    else {
      this.#first = Buffer.concat([this.#first, chunk]);
      if (this.#first.length < 2) done();
      else this.#begin().write(this.#first, done);
    }
  }

  override _flush(done: TransformCallback): void {
    if (this.#ended || (!this.#inner && this.#first.length === 0)) {
      done();
      return;
    }
    const inner = this.#inner ?? this.#begin();
    inner.once("end", () => done());
    // A single byte is still to be written.
    inner.end(this.#first.length < 2 ? this.#first : undefined);
  }

  override _read(size: number): void {
    this.#inner?.resume();
    super._read(size);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner?.destroy();
    done(error);
  }

  #begin(): Transform {
    const [first = 0, second = 0] = this.#first;
    const inner = (this.#inner = this.#make(first, second));
    inner.on("data", (part: Buffer) => {
      if (!this.push(part)) inner.pause();
    });
    inner.on("end", () => (this.#ended = true));
    inner.on("error", (error) => this.destroy(error));
    return inner;
  }
}
