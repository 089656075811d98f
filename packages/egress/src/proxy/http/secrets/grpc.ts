/** Bodies of gRPC: messages, each with its length before it (gRPC over HTTP/2, "Length-Prefixed-Message"). */
import { Transform, type TransformCallback } from "node:stream";
import type { PausingScanner } from "../../../secrets/mod.ts";
import { Refusal } from "../../refusal.ts";

const PREFIX_BYTES = 5;
const COMPRESSED = 1;

export function isGrpc(contentType: string | undefined): boolean {
  return /^application\/grpc(-web)?(\+[a-z]+)?[ \t]*(;|$)/i.test(contentType ?? "");
}

/**
 * Redacts a body of messages. It is searched as one stream, prefixes included: that it consists of messages is what the upstream says,
 * who could cut them in the midst of a value. Their ends only tell when the other side may be waiting: both ends of a call may be
 * waiting for each other, and so none waits because its last bytes happen to be the first of a value.
 */
export class RedactedMessages extends Transform {
  readonly #scanner: PausingScanner;
  readonly #strict: boolean;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #have = 0;
  #left = 0;

  /**
   * @param scanner one that keeps lengths
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

/** So many bytes of prefixes may wait for what is held of the messages before them. */
const MAX_WAITING_PREFIX_BYTES = 64 * 1024;

/**
 * Redacts the contents of messages as one stream, without the prefixes between them: a value that is cut into two messages is whole
 * again for whoever joins them.
 */
export class JoinedMessages extends Transform {
  readonly #scanner: PausingScanner;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #have = 0;
  #left = 0;
  /** Bytes of contents that came in and that went out. */
  #came = 0;
  #went = 0;
  /** Prefixes, each to go out after so many bytes of contents. */
  readonly #waiting: { after: number; bytes: Buffer }[] = [];
  #waitingBytes = 0;

  /** @param scanner one that keeps lengths */
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
        "The upstream's answer has too many empty messages in the midst of what could be a secret's value.",
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

  /** Passes contents on, and the prefixes whose turn it is. */
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
