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

/** Names of content codings (RFC 9110, section 8.4.1) that can be decoded, in addition to `identity`. */
export const SUPPORTED_ENCODINGS = ["gzip", "x-gzip", "deflate", "br", "zstd"] as const;

/** Size of a decoder's output chunks. Node's default of 16 KiB costs more time. */
const CHUNK_BYTES = 65_536;
/** RFC 9659: in HTTP a zstd window has at most 8 MiB. Otherwise the peer could demand any amount of memory. */
const ZSTD_WINDOW_LOG = 23;

const OPTIONS = { chunkSize: CHUNK_BYTES };

/** A decoder. */
export interface DecodingStream extends Transform {
  /** Whether what has been written will yield more output later. */
  readonly holds: boolean;
}

/** Create decoders, which may depend on the first two bytes. */
const DECODERS: Record<(typeof SUPPORTED_ENCODINGS)[number], (first: number, second: number) => Transform> = {
  gzip: () => createGunzip(OPTIONS),
  "x-gzip": () => createGunzip(OPTIONS),
  // RFC 9110 requires the zlib format, but some servers send raw deflate. RFC 1950, section 2.2: zlib has method 8, and a check that makes
  // the two bytes a multiple of 31.
  deflate: (first, second) =>
    (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0 ? createInflate(OPTIONS) : createInflateRaw(OPTIONS),
  br: () => createBrotliDecompress({ ...OPTIONS, flush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ ...OPTIONS, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
};

/**
 * Streams that decode a body with this `Content-Encoding`, in the order in which the body must pass through them; none for
 * `identity`. They output what they can as data arrives, apply backpressure (however much a small input expands), and fail
 * if the data is invalid or ends too early. A body of zero bytes counts as empty, whatever its coding.
 *
 * @returns null if a coding is unknown, or there are more than {@link MAX_CODINGS}
 */
export function decoder(encoding: string): DecodingStream[] | null {
  const codings = encoding
    .toLowerCase()
    .split(",")
    .map((coding) => coding.trim())
    .filter((coding) => coding !== "" && coding !== "identity");
  if (codings.length > MAX_CODINGS) return null;
  if (!codings.every(isSupported)) return null;
  // Codings are listed in the order in which they were applied.
  return codings.reverse().map((coding) => new Decoder(DECODERS[coding]));
}

const isSupported = (coding: string): coding is keyof typeof DECODERS => Object.hasOwn(DECODERS, coding);

/** Removes codings that cannot be decoded from an `Accept-Encoding` (RFC 9110, section 12.5.3), including `*`, which could be anything. */
export function filterAcceptEncoding(header: string): string {
  const items = header.split(",").map((item) => item.trim());
  const kept = items.filter((item) => {
    const coding = item.split(";", 1)[0]!.trim().toLowerCase();
    return coding === "identity" || isSupported(coding);
  });
  if (kept.length === items.length) return header;
  return kept.length > 0 ? kept.join(", ") : "identity";
}

/** Decodes one coding. The decoder is created when the first two bytes have arrived. */
class Decoder extends Transform implements DecodingStream {
  readonly #make: (first: number, second: number) => Transform;
  #inner: Transform | undefined;
  /** The first bytes, until there are two. */
  #first = Buffer.alloc(0);
  /** Whether the encoded data has ended. Whatever follows is ignored. */
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
    // A single byte has not been written yet.
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
