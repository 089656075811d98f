/** A stream of the guest contract as a Node duplex: prefix messages removed, backpressure preserved. */
import { type ClientHttp2Stream, constants } from "node:http2";
import { Duplex } from "node:stream";
import type { z } from "zod";
import { GuestError, GuestGone, type GuestStream } from "../contract.ts";
import { FAULT_TRAILER } from "./contract.ts";
import { PrefixReader } from "./prefix.ts";
import { guestErrorSchema, parseOutcome } from "./schema.ts";

/** What a stream needs from its connection. */
export interface StreamOwner {
  /** The guest broke the contract, so the machine must end. */
  violation(detail: string): void;
}

export class Http2GuestStream<Head> extends Duplex implements GuestStream<Head> {
  readonly head: Promise<Head>;
  readonly #request: ClientHttp2Stream;
  readonly #settle: { resolve(head: Head): void; reject(error: Error): void };
  #prefix: PrefixReader | null;
  /** The error that the guest reported after the head. */
  #fault: GuestError | null = null;

  /** @param maxHeadBytes of the guest's prefix message */
  constructor(
    request: ClientHttp2Stream,
    prefix: Buffer,
    schema: z.ZodType<Head>,
    maxHeadBytes: number,
    owner: StreamOwner,
  ) {
    super({ allowHalfOpen: true, readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024 });
    this.#request = request;
    this.#prefix = new PrefixReader(maxHeadBytes);
    const { promise, resolve, reject } = Promise.withResolvers<Head>();
    this.head = promise;
    this.#settle = { resolve, reject };
    // Callers that only use the bytes see the failure as the stream's error.
    promise.catch(() => {});
    // Callers that only wait for the head need no listener for this.
    this.on("error", () => {});
    request.write(prefix);
    request.on("data", (chunk: Buffer) => {
      let bytes: Buffer | null;
      try {
        bytes = this.#prefix ? this.#readHead(this.#prefix, chunk, schema) : chunk;
      } catch (error) {
        if (error instanceof GuestError) return this.destroy(error);
        owner.violation(`stream head: ${String(error)}`);
        return this.destroy(new GuestGone("The guest sent an answer that breaks the contract."));
      }
      // What a reader throws on receiving them is not the guest's fault.
      if (bytes?.length && !this.push(bytes)) request.pause();
    });
    request.on("trailers", (trailers) => {
      const text = trailers[FAULT_TRAILER];
      if (text === undefined) return;
      try {
        this.#fault = new GuestError(
          guestErrorSchema.parse(JSON.parse(Buffer.from(String(text), "base64").toString("utf8"))),
        );
      } catch (error) {
        owner.violation(`stream trailer: ${String(error)}`);
        this.destroy(new GuestGone("The guest sent an answer that breaks the contract."));
      }
    });
    request.on("end", () => {
      if (this.#fault) this.destroy(this.#fault);
      else if (this.#prefix) this.destroy(new GuestGone("The guest ended a stream before its head."));
      else this.push(null);
    });
    request.on("error", (error) => this.destroy(new GuestGone(`The guest's stream broke: ${error.message}`)));
    request.on("close", () => {
      if (!this.readableEnded && request.rstCode !== constants.NGHTTP2_NO_ERROR && !this.destroyed) {
        this.destroy(new GuestGone("The guest aborted a stream."));
      } else if (this.#prefix) this.destroy(new GuestGone("The guest ended a stream before its head."));
    });
  }

  /** Returns the bytes after the head, once that is complete. @throws {GuestError} if the head is the guest's error */
  #readHead(prefix: PrefixReader, chunk: Buffer, schema: z.ZodType<Head>): Buffer | null {
    const message = prefix.push(chunk);
    if (!message) return null;
    this.#prefix = null;
    const outcome = parseOutcome(schema, message.value);
    if ("error" in outcome) throw new GuestError(outcome.error);
    this.#settle.resolve(outcome.ok);
    return message.rest;
  }

  override _read(): void {
    this.#request.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // A guest may end its side early (for example if a process closed its input): later writes are discarded.
    if (this.#request.closed || this.#request.destroyed || this.#request.writableEnded) return done();
    this.#request.write(chunk, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#request.closed || this.#request.destroyed) return done();
    this.#request.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#settle.reject(error ?? new GuestGone("The stream was closed before its head arrived."));
    this.#request.close(constants.NGHTTP2_CANCEL);
    done(error);
  }
}
