import { Transform, type TransformCallback } from "node:stream";
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from "node:zlib";
import { MAX_CODINGS } from "./limits.ts";

/** Names of content codings (RFC 9110, section 8.4.1) that can be opened, besides `identity`. */
export const SUPPORTED_ENCODINGS = ["gzip", "x-gzip", "deflate", "br", "zstd"] as const;

const DECODERS: Record<string, () => Transform> = {
  gzip: () => createGunzip(),
  "x-gzip": () => createGunzip(),
  deflate: () => new Deflated(),
  br: () => createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress(),
};

/**
 * Streams that open a body with this `Content-Encoding`, in the order in which the body has to pass through them; none for
 * `identity`. They give out what they can as data arrives, keep backpressure (whatever a small input grows to), and end with
 * an error when the data is broken or ends too early.
 *
 * @returns null when a coding is not known, or there are more than {@link MAX_CODINGS}.
 */
export function decoder(encoding: string): Transform[] | null {
  const codings = encoding.toLowerCase().split(",").map((coding) => coding.trim()).filter((coding) => coding !== "" && coding !== "identity");
  if (codings.length > MAX_CODINGS) return null;
  // Listed in the order in which they were applied.
  const makers = codings.reverse().map((coding) => (Object.hasOwn(DECODERS, coding) ? DECODERS[coding] : undefined));
  if (makers.includes(undefined)) return null;
  return makers.map((make) => make!());
}

/** An `Accept-Encoding` without what cannot be opened (RFC 9110, section 12.5.3); `*` could be anything and goes too. */
export function filterAcceptEncoding(header: string): string {
  const kept = header.split(",").map((item) => item.trim()).filter((item) => {
    const coding = item.split(";", 1)[0]!.trim().toLowerCase();
    return coding === "identity" || (SUPPORTED_ENCODINGS as readonly string[]).includes(coding);
  });
  return kept.length > 0 ? kept.join(", ") : "identity";
}

/** `deflate`: the zlib format by RFC 9110, but some servers send the raw one. The first two bytes tell which it is. */
class Deflated extends Transform {
  #inner: Transform | undefined;
  #first = Buffer.alloc(0);

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#inner) {
      this.#inner.write(chunk, done);
      return;
    }
    this.#first = Buffer.concat([this.#first, chunk]);
    if (this.#first.length < 2) done();
    else this.#begin().write(this.#first, done);
  }

  override _flush(done: TransformCallback): void {
    if (!this.#inner && this.#first.length === 0) {
      done();
      return;
    }
    const inner = this.#inner ?? this.#begin(this.#first);
    inner.once("end", () => done());
    inner.end();
  }

  override _read(size: number): void {
    this.#inner?.resume();
    super._read(size);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#inner?.destroy();
    done(error);
  }

  #begin(data?: Buffer): Transform {
    const [first = 0, second = 0] = this.#first;
    // RFC 1950, section 2.2: method 8, and a check that makes the two bytes a multiple of 31.
    const zlib = (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0;
    const inner = zlib ? createInflate() : createInflateRaw();
    inner.on("data", (part: Buffer) => {
      if (!this.push(part)) inner.pause();
    });
    inner.on("error", (error) => this.destroy(error));
    if (data) inner.write(data);
    this.#inner = inner;
    return inner;
  }
}
