/** Keeps hidden requests out of connections whose bytes are not parsed. */
import { type Duplex, Transform, type TransformCallback } from "node:stream";
import { HTTP_PORTS, MAX_GUARDED_BYTES } from "../limits.ts";
import { Refusal } from "../refusal.ts";
import { isSettingsFrame } from "./opening.ts";
import { RequestLines, type RequestLinesOptions } from "./request-lines.ts";

const STATUS_LINE = Buffer.from("http/");

/**
 * Passes a guest's bytes on. If one of the first lines could be read as a request, the connection ends before that line is complete. An
 * upstream that responds in another protocol is not an HTTP server and may receive anything. One that responds in HTTP has read a request,
 * and the connection ends.
 */
export class RawGuard extends Transform {
  #lines: RequestLines | null;
  #left = MAX_GUARDED_BYTES;
  #held: Buffer = Buffer.alloc(0);
  readonly #upstream: Duplex;
  #first: Buffer = Buffer.alloc(0);
  readonly #listen = (chunk: Buffer) => this.#answered(chunk);

  constructor(upstream: Duplex, options: RequestLinesOptions) {
    super();
    this.#lines = new RequestLines(options);
    this.#upstream = upstream;
    upstream.on("data", this.#listen);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const lines = this.#lines;
    if (!lines) return done(null, chunk);
    const looked = chunk.subarray(0, this.#left);
    this.#left -= looked.length;
    if (lines.push(looked)) return done(hiddenRequest());
    const data = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    if (this.#left === 0 || lines.done) {
      if (lines.pending > 0) return done(hiddenRequest());
      this.#lines = null;
    }
    // A copy, so that a few bytes do not keep a whole chunk in memory.
    this.#held = Buffer.from(data.subarray(data.length - lines.pending));
    done(null, data.subarray(0, data.length - lines.pending));
  }

  override _flush(done: TransformCallback): void {
    done(this.#held.length > 0 ? hiddenRequest() : null);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#upstream.off("data", this.#listen);
    done(error);
  }

  #answered(chunk: Buffer): void {
    const first = (this.#first = Buffer.concat([this.#first, chunk.subarray(0, SETTINGS_BYTES)]));
    // The guest has not yet shown that it speaks HTTP/2.
    if (isSettingsFrame(first)) return first.length < SETTINGS_BYTES ? undefined : this.#deaf();
    const word = first.toString("latin1", 0, STATUS_LINE.length).toLowerCase();
    if (word === STATUS_LINE.toString())
      return void this.destroy(
        Refusal.malformed("The connection did not begin as HTTP, but the upstream responded with HTTP."),
      );
    if (STATUS_LINE.toString().startsWith(word)) return;
    this.#deaf();
    this.#lines = null;
    if (this.#held.length > 0) this.push(this.#held);
    this.#held = Buffer.alloc(0);
  }

  #deaf(): void {
    this.#upstream.off("data", this.#listen);
  }
}

/** Length of an HTTP/2 frame header (RFC 9113 §4.1). */
const SETTINGS_BYTES = 9;

/** The guard for raw bytes, outside TLS or within intercepted TLS. Within TLS, every port may belong to an HTTP server. */
export function guardRaw(upstream: Duplex, port: number, withinTls: boolean): RawGuard {
  return new RawGuard(upstream, { lines: withinTls || HTTP_PORTS.has(port) ? Infinity : 1 });
}

/** The guard for TLS that is passed through. The guest also controls the ClientHello, and the upstream may not speak TLS at all. */
export function guardTls(upstream: Duplex): RawGuard {
  return new RawGuard(upstream, { lines: Infinity, versions: false });
}

function hiddenRequest(): Refusal {
  return Refusal.malformed(
    "The connection did not begin as HTTP, but contained a line that a server could read as a request.",
  );
}
