/** What keeps requests out of connections that carry bytes without a meaning that is known here. */
import { type Duplex, Transform, type TransformCallback } from "node:stream";
import { HTTP_PORTS, MAX_GUARDED_BYTES } from "../limits.ts";
import { Refusal } from "../refusal.ts";
import { isSettingsFrame } from "./opening.ts";
import { RequestLines, type RequestLinesOptions } from "./request-lines.ts";

const STATUS_LINE = Buffer.from("http/");

/**
 * Passes a guest's bytes on unless, in the first of them, a line comes that somebody might read as a request: then it breaks off before
 * that line is complete. An upstream that has answered in another language than HTTP's is no server of HTTP, and may be told anything; one that
 * answers in HTTP's has read a request, and the connection ends.
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
    // A copy: a few bytes must not keep the memory of a whole chunk.
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
    // The guest has yet to say that it speaks HTTP/2.
    if (isSettingsFrame(first)) return first.length < SETTINGS_BYTES ? undefined : this.#deaf();
    const word = first.toString("latin1", 0, STATUS_LINE.length).toLowerCase();
    if (word === STATUS_LINE.toString())
      return void this.destroy(Refusal.malformed("The upstream read a request in bytes that do not begin like one."));
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

/** Head of a frame of HTTP/2 (RFC 9113 §4.1). */
const SETTINGS_BYTES = 9;

/** The guard for bytes of a connection that is no TLS, or within TLS that was opened: there any port may be HTTP's. */
export function guardRaw(upstream: Duplex, port: number, withinTls: boolean): RawGuard {
  return new RawGuard(upstream, { lines: withinTls || HTTP_PORTS.has(port) ? Infinity : 1 });
}

/** The guard for TLS that is not opened: what it begins with is the guest's as well, and the upstream may know no TLS. */
export function guardTls(upstream: Duplex): RawGuard {
  return new RawGuard(upstream, { lines: Infinity, versions: false });
}

function hiddenRequest(): Refusal {
  return Refusal.malformed("Bytes that do not begin like a request contain a line that a server may read as one.");
}
