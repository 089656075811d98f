/** gRPC bodies: messages, each prefixed with its length (gRPC over HTTP/2, "Length-Prefixed-Message"). */
import { Transform, type TransformCallback } from "node:stream";
import type { PausingScanner } from "../../../secrets/mod.ts";
import { Refusal } from "../../refusal.ts";

const PREFIX_BYTES = 5;
const COMPRESSED = 1;

export function isGrpc(contentType: string | undefined): boolean {
  return /^application\/grpc(-web)?(\+[a-z]+)?[ \t]*(;|$)/i.test(contentType ?? "");
}

/**
 * Redacts a body of messages as one stream, including prefixes: the upstream controls where messages end, and could split them within a
 * value. Message ends are only used to release bytes that look like the beginning of a value: both sides of a call may be waiting for each
 * other, so a complete message must not be held back.
 */
export class RedactedMessages extends Transform {
  readonly #scanner: PausingScanner;
  readonly #strict: boolean;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #have = 0;
  #left = 0;

  /**
   * @param scanner must keep lengths
   * @param strict whether compressed messages, which cannot be searched, are an error
   */
  constructor(scanner: PausingScanner, strict: boolean) {
    super();
    this.#scanner = scanner;
    this.#strict = strict;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#pass(() => {
      for (let at = 0; at < chunk.length; )
        at += this.#left > 0 ? this.#skip(chunk.length - at) : this.#begin(chunk.subarray(at));
      const clean = this.#scanner.push(chunk);
      return this.#left === 0 && this.#have === 0 ? [...clean, ...this.#scanner.pause()] : clean;
    }, done);
  }

  override _flush(done: TransformCallback): void {
    this.#pass(() => this.#scanner.flush(), done);
  }

  #pass(search: () => Buffer[], done: TransformCallback): void {
    try {
      for (const clean of search()) this.push(clean);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  }

  #begin(bytes: Buffer): number {
    const taken = bytes.copy(this.#prefix, this.#have);
    this.#have += taken;
    if (this.#have < PREFIX_BYTES) return taken;
    if (this.#strict && (this.#prefix[0]! & COMPRESSED) !== 0)
      throw Refusal.failed("A message from the upstream is compressed, so it cannot be searched for secrets.");
    this.#have = 0;
    this.#left = this.#prefix.readUInt32BE(1);
    return taken;
  }

  #skip(bytes: number): number {
    const taken = Math.min(bytes, this.#left);
    this.#left -= taken;
    return taken;
  }
}

/** Bytes of prefixes that may wait for the held-back contents before them. */
const MAX_WAITING_PREFIX_BYTES = 64 * 1024;

/**
 * Redacts the joined contents of messages, without the prefixes between them: a receiver that joins messages would restore a value that was
 * split between two.
 */
export class JoinedMessages extends Transform {
  readonly #scanner: PausingScanner;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #have = 0;
  #left = 0;
  /** Bytes of contents received and passed on. */
  #came = 0;
  #went = 0;
  /** Prefixes, each to be passed on after this many bytes of contents. */
  readonly #waiting: { after: number; bytes: Buffer }[] = [];
  #waitingBytes = 0;

  /** @param scanner must keep lengths */
  constructor(scanner: PausingScanner) {
    super();
    this.#scanner = scanner;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      for (let at = 0; at < chunk.length; )
        at += this.#left > 0 ? this.#content(chunk.subarray(at)) : this.#framing(chunk.subarray(at));
      if (this.#left === 0 && this.#have === 0) this.#out(this.#scanner.pause());
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  }

  override _flush(done: TransformCallback): void {
    try {
      this.#out(this.#scanner.flush());
    } catch (error) {
      done(error as Error);
      return;
    }
    if (this.#have > 0) this.push(this.#prefix.subarray(0, this.#have));
    done();
  }

  #framing(bytes: Buffer): number {
    const taken = bytes.copy(this.#prefix, this.#have);
    this.#have += taken;
    if (this.#have < PREFIX_BYTES) return taken;
    this.#have = 0;
    this.#left = this.#prefix.readUInt32BE(1);
    this.#waiting.push({ after: this.#came, bytes: Buffer.from(this.#prefix) });
    this.#waitingBytes += PREFIX_BYTES;
    this.#out([]);
    if (this.#waitingBytes > MAX_WAITING_PREFIX_BYTES)
      throw Refusal.failed(
        "The upstream's response has too many empty messages in the middle of what could be a secret's value.",
      );
    return taken;
  }

  #content(bytes: Buffer): number {
    const part = bytes.subarray(0, this.#left);
    this.#left -= part.length;
    this.#came += part.length;
    this.#out(this.#scanner.push(part));
    return part.length;
  }

  /** Passes on contents, and the prefixes that are due. */
  #out(contents: Buffer[]): void {
    for (let rest of contents) {
      while (rest.length > 0) {
        this.#prefixes();
        const next = this.#waiting[0];
        const part = next ? rest.subarray(0, next.after - this.#went) : rest;
        this.push(part);
        this.#went += part.length;
        rest = rest.subarray(part.length);
      }
    }
    this.#prefixes();
  }

  #prefixes(): void {
    while (this.#waiting[0] && this.#waiting[0].after <= this.#went) {
      this.push(this.#waiting.shift()!.bytes);
      this.#waitingBytes -= PREFIX_BYTES;
    }
  }
}
