/** Byte streams from the server to a client. This file enforces the rules of wire-protocol §6.1 for all users. */
import { randomInt } from "node:crypto";
import { type ErrorObject, STREAM_ID_LIMIT, STREAM_METHODS } from "@sandkeep/protocol";
import { CHUNK_BYTES } from "../limits.ts";
import type { Outbox } from "./outbox.ts";

/**
 * Ids of all live streams of this process. The JavaScript client keeps one table for all its sandboxes, keyed by nothing
 * but the id, so ids must be unique across all connections of all sandboxes (rule 1). Across servers, randomness makes them so.
 */
const liveIds = new Set<number>();

function newStreamId(): number {
  for (;;) {
    const id = randomInt(1, STREAM_ID_LIMIT - 1);
    if (liveIds.has(id)) continue;
    liveIds.add(id);
    return id;
  }
}

const notification = (method: string, params: object) => JSON.stringify({ jsonrpc: "2.0", method, params });

export class OutboundStream {
  readonly id: number = newStreamId();
  readonly #outbox: Outbox;
  readonly #forget: (stream: OutboundStream) => void;
  #started = false;
  #over = false;
  #onCancel: (() => void) | null = null;
  /** Bytes that the client may hold unread, and that it holds. */
  readonly #window: number;
  #untaken = 0;
  #wake: (() => void) | null = null;

  constructor(outbox: Outbox, forget: (stream: OutboundStream) => void, window = Infinity) {
    this.#outbox = outbox;
    this.#forget = forget;
    this.#window = window;
  }

  /** Whether the client holds its window's worth of unread bytes: then wait for {@link room} before sending more. */
  get full(): boolean {
    return !this.#over && this.#untaken >= this.#window;
  }

  /** Resolves once the client has read enough, or has cancelled. */
  async room(): Promise<void> {
    while (this.full) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  /** The client has read this many more bytes. */
  taken(bytes: number): void {
    this.#untaken = Math.max(0, this.#untaken - bytes);
    this.#wake?.();
  }

  /** Whether nothing more may be sent: ended, failed, or cancelled by the client. */
  get over(): boolean {
    return this.#over;
  }

  /** Announces the stream; clients drop data that arrives earlier (rule 5). */
  start(): void {
    if (this.#started || this.#over) return;
    this.#started = true;
    this.#outbox.send(notification(STREAM_METHODS.start, { streamId: this.id }));
  }

  /** Sends bytes in chunks of at most {@link CHUNK_BYTES}; an empty chunk would break the client's stream (rule 3). */
  enqueue(bytes: Buffer): void {
    this.#untaken += bytes.length;
    for (let from = 0; from < bytes.length; from += CHUNK_BYTES) {
      if (this.#over) return;
      this.start();
      const data = bytes.toString("base64", from, Math.min(from + CHUNK_BYTES, bytes.length));
      // Base64 needs no escaping: built by hand, because all output passes here.
      this.#outbox.send(
        `{"jsonrpc":"2.0","method":"${STREAM_METHODS.enqueue}","params":{"streamId":${this.id},"data":"${data}"}}`,
      );
    }
  }

  /** Ends the stream, once (rule 6). */
  end(): void {
    if (this.#over) return;
    this.start();
    this.#outbox.send(notification(STREAM_METHODS.end, { streamId: this.id }));
    this.#finish();
  }

  /** Fails the stream. The `end` that follows is for the Python client, which ignores the error. */
  fail(error: ErrorObject): void {
    if (this.#over) return;
    this.start();
    this.#outbox.send(notification(STREAM_METHODS.error, { streamId: this.id, error }));
    this.end();
  }

  /** Called when the client cancels. */
  onCancel(listener: () => void): void {
    this.#onCancel = listener;
  }

  /** The client has cancelled: nothing more is sent, not even an end (rule 4). */
  cancel(): void {
    if (this.#over) return;
    this.#finish();
    this.#onCancel?.();
  }

  #finish(): void {
    this.#over = true;
    liveIds.delete(this.id);
    this.#forget(this);
    this.#wake?.();
  }
}

/** The streams to one client. */
export class OutboundStreams {
  readonly #outbox: Outbox;
  readonly #streams = new Map<number, OutboundStream>();

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** @param window bytes that the client is willing to hold unread */
  open(window?: number): OutboundStream {
    const stream = new OutboundStream(this.#outbox, (ended) => this.#streams.delete(ended.id), window);
    this.#streams.set(stream.id, stream);
    return stream;
  }

  /** The stream with this id, unless it has ended. */
  get(id: number): OutboundStream | undefined {
    return this.#streams.get(id);
  }

  /** The client's `cancel`. Unknown and ended ids are ignored. */
  cancel(id: number): void {
    this.#streams.get(id)?.cancel();
  }

  /** The connection has ended. */
  close(): void {
    for (const stream of [...this.#streams.values()]) stream.cancel();
  }
}
