/** Bodies of gRPC: messages, each with its length before it (gRPC over HTTP/2, "Length-Prefixed-Message"). */
import { Transform, type TransformCallback } from "node:stream";
import type { PausingScanner } from "../secrets/mod.ts";
import { Refusal } from "./refusal.ts";

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
      for (let at = 0; at < chunk.length; ) at += this.#left > 0 ? this.#skip(chunk.length - at) : this.#begin(chunk.subarray(at));
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
    if (this.#strict && (this.#prefix[0]! & COMPRESSED) !== 0) throw Refusal.failed("A message of the upstream's is compressed, so it cannot be searched for secrets.");
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
