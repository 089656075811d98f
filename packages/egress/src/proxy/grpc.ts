/** Bodies of gRPC: messages, each with its length before it (gRPC over HTTP/2, "Length-Prefixed-Message"). */
import { Transform, type TransformCallback } from "node:stream";
import type { Scanner } from "../secrets/mod.ts";
import { Refusal } from "./refusal.ts";

const PREFIX_BYTES = 5;
const COMPRESSED = 1;

export function isGrpc(contentType: string | undefined): boolean {
  return /^application\/grpc(-web)?(\+[a-z]+)?[ \t]*(;|$)/i.test(contentType ?? "");
}

/**
 * Redacts message by message, so that none waits for the next one because its last bytes could be the first of a value: both
 * ends of a call may be waiting for each other.
 */
export class RedactedMessages extends Transform {
  readonly #scanner: Scanner;
  readonly #strict: boolean;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #have = 0;
  #left = 0;

  /**
   * @param scanner one that keeps lengths
   * @param strict whether compressed messages, which cannot be searched, are an error
   */
  constructor(scanner: Scanner, strict: boolean) {
    super();
    this.#scanner = scanner;
    this.#strict = strict;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      for (let at = 0; at < chunk.length; ) at += this.#left > 0 ? this.#message(chunk.subarray(at)) : this.#begin(chunk.subarray(at));
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    for (const part of this.#scanner.flush()) this.push(part);
    if (this.#have > 0) this.push(this.#prefix.subarray(0, this.#have));
    done();
  }

  #begin(bytes: Buffer): number {
    const taken = bytes.copy(this.#prefix, this.#have);
    this.#have += taken;
    if (this.#have < PREFIX_BYTES) return taken;
    if (this.#strict && (this.#prefix[0]! & COMPRESSED) !== 0) throw Refusal.failed("A message of the upstream's is compressed, so it cannot be searched for secrets.");
    this.#have = 0;
    this.#left = this.#prefix.readUInt32BE(1);
    this.push(Buffer.from(this.#prefix));
    return taken;
  }

  #message(bytes: Buffer): number {
    const part = bytes.subarray(0, this.#left);
    this.#left -= part.length;
    for (const clean of this.#scanner.push(part)) this.push(clean);
    if (this.#left === 0) for (const clean of this.#scanner.flush()) this.push(clean);
    return part.length;
  }
}
