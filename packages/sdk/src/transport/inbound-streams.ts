import type { Bytes } from "./bytes.ts";
import { fromBase64 } from "./bytes.ts";
import type { ErrorObject } from "./error-object.ts";
import { toError } from "./error-object.ts";

interface Inbound {
  readable: ReadableStream<Bytes>;
  controller: ReadableByteStreamController;
  claimed: boolean;
  ended: boolean;
}

/**
 * Streams that the server sends on one connection. Chunks that arrive before the stream is taken are kept until then;
 * chunks that arrive after it was cancelled are dropped.
 */
export class InboundStreams {
  readonly #open = new Map<number, Inbound>();
  readonly #cancel: (streamId: number, reason: unknown) => void;

  /** `cancel` notifies the server that a stream has no reader any more. */
  constructor(cancel: (streamId: number, reason: unknown) => void) {
    this.#cancel = cancel;
  }

  /** The stream with this id. Each can be taken once. */
  take(streamId: number): ReadableStream<Bytes> {
    const stream = this.#open.get(streamId) ?? this.#create(streamId);
    if (stream.claimed) throw new TypeError(`Stream ${streamId} has already been taken`);
    stream.claimed = true;
    if (stream.ended) this.#open.delete(streamId);
    return stream.readable;
  }

  start(streamId: number): void {
    if (!this.#open.has(streamId)) this.#create(streamId);
  }

  enqueue(streamId: number, base64: string): void {
    const stream = this.#open.get(streamId);
    if (!stream || stream.ended || base64 === "") return;
    stream.controller.enqueue(fromBase64(base64));
  }

  end(streamId: number): void {
    this.#finish(streamId, ({ controller }) => {
      controller.close();
      // Without this, a pending BYOB read would not resolve.
      controller.byobRequest?.respond(0);
    });
  }

  error(streamId: number, error: ErrorObject | null): void {
    const reason = error ? toError(error) : new Error("The stream failed");
    this.#finish(streamId, ({ controller }) => controller.error(reason));
  }

  /** Fails every stream that is still open. */
  close(reason: Error): void {
    for (const streamId of [...this.#open.keys()]) this.#finish(streamId, ({ controller }) => controller.error(reason));
    this.#open.clear();
  }

  #create(streamId: number): Inbound {
    let controller!: ReadableByteStreamController;
    const readable = new ReadableStream({
      type: "bytes",
      start(given) {
        controller = given as ReadableByteStreamController;
      },
      cancel: (reason) => {
        this.#open.delete(streamId);
        this.#cancel(streamId, reason);
      },
    }) as ReadableStream<Bytes>;
    const stream = { readable, controller, claimed: false, ended: false };
    this.#open.set(streamId, stream);
    return stream;
  }

  #finish(streamId: number, how: (stream: Inbound) => void): void {
    const stream = this.#open.get(streamId);
    if (!stream || stream.ended) return;
    stream.ended = true;
    if (stream.claimed) this.#open.delete(streamId);
    how(stream);
  }
}
