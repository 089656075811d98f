import type { Buffer } from "node:buffer";
import { ConnectionClosedError, RpcError } from "../errors/connection.ts";
import type { ErrorObject } from "./error-object.ts";
import { fromError, toError } from "./error-object.ts";
import { InboundStreams } from "./inbound-streams.ts";
import { Keepalive } from "./keepalive.ts";
import type { Notification, Response } from "./message.ts";
import { isMessage } from "./message.ts";
import type { Method, Params, Value } from "./methods.ts";
import { OutboundStreams } from "./outbound-streams.ts";
import { PacedSender } from "./paced-sender.ts";
import type { Socket } from "./socket.ts";

/** How long the server may take to confirm a close before the socket is destroyed, in milliseconds. */
const CLOSE_GRACE_MS = 5_000;
/** Close codes that this client sends (wire-protocol §4.5). */
const INVALID_JSON = 4000;
const INVALID_MESSAGE = 4001;

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
  /** Where the call was made; appended to the stack of an error that comes back. */
  trace: { stack?: string };
}

type Listener = (params: Record<string, unknown>) => void;

/**
 * One open WebSocket to a sandbox: JSON-RPC 2.0 calls, their streams, and notifications. All state of a connection is in its
 * object, so several sandboxes in one process do not affect each other.
 */
export class Connection {
  /** The id that the server sent when it accepted the connection. */
  readonly sandboxId: string;
  /** Resolves when the connection has ended, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #unsupported = new Set<string>();
  readonly #inbound: InboundStreams;
  readonly #outbound: OutboundStreams;
  readonly #sender: PacedSender;
  readonly #keepalive: Keepalive;
  #nextId = 0;
  #nextAbortId = 0;
  #closedError: ConnectionClosedError | undefined;

  constructor(socket: Socket, sandboxId: string, debug = false) {
    this.sandboxId = sandboxId;
    this.#socket = socket;
    this.#sender = new PacedSender(socket);
    this.#inbound = new InboundStreams((streamId, reason) => {
      if (!this.#closedError) this.#notify("$sandbox.stream.cancel", { streamId, reason: fromError(reason) });
    });
    this.#outbound = new OutboundStreams({
      send: (frame) => this.#send(frame),
      sendPaced: (frame) => {
        if (this.#closedError) throw this.#closedError;
        return this.#sender.sendPaced(frame);
      },
    });
    this.#keepalive = new Keepalive(socket);
    socket.on("message", (data) => this.#onMessage(data as Buffer));
    // "close" reports it too, but an "error" event without a listener would end the process.
    socket.on("error", (error) => debug && console.error("[sandkeep] socket:", error.message));
    this.closed = new Promise((resolve) => {
      socket.once("close", (code, reason) => {
        if (debug) console.error(`[sandkeep] ${sandboxId}: closed (${code})`, reason.toString());
        this.#onClose(new ConnectionClosedError(code, reason.toString()));
        resolve();
      });
    });
  }

  /**
   * Makes a call. Rejects with the error from the sandbox, with `RpcError` when the server refuses the call itself, or with
   * `ConnectionClosedError`.
   */
  call<M extends Method>(method: M, params: Params<M>): Promise<Value<M>> {
    if (this.#closedError) return Promise.reject(this.#closedError);
    const id = this.#nextId++;
    const trace: { stack?: string } = {};
    Error.captureStackTrace(trace, this.call);
    return new Promise<Value<M>>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject, trace });
      this.#send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  /** A stream that a result refers to. */
  receive(streamId: number): ReturnType<InboundStreams["take"]> {
    return this.#inbound.take(streamId);
  }

  /** Starts to send a stream. Returns its id for the params of a call. */
  sendStream(source: ReadableStream<Uint8Array>): number {
    return this.#outbound.send(source);
  }

  /** Discards the rest of a stream: its reader has ended, which is not an error. */
  releaseStream(streamId: number): void {
    this.#outbound.release(streamId);
  }

  /** Stops the stream of a failed call: a server that does not know the call does not know what the stream is for. */
  stopStream(streamId: number, reason: unknown): void {
    if (!this.#closedError) this.#outbound.stop(streamId, reason);
  }

  /** A new id under which a call can be aborted. */
  newAbortId(): number {
    return this.#nextAbortId++;
  }

  /** Listens to a notification. Call the result to stop listening. */
  on(method: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(method) ?? new Set();
    this.#listeners.set(method, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Whether the server has reported that it does not support this extension. */
  lacks(method: string): boolean {
    return this.#unsupported.has(method);
  }

  /** Remembers that the server does not support an extension. */
  markLacking(method: string): void {
    this.#unsupported.add(method);
  }

  /** Closes the connection and waits until it has ended. */
  async close(): Promise<void> {
    this.#socket.close();
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS);
    await this.closed;
    clearTimeout(timer);
  }

  /** Destroys the connection without a closing handshake. */
  terminate(): void {
    this.#socket.terminate();
  }

  #notify(method: string, params: object): void {
    this.#send(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }

  #send(frame: string): void {
    if (this.#closedError) throw this.#closedError;
    this.#sender.send(frame);
  }

  #onMessage(data: Buffer): void {
    this.#keepalive.heard();
    const text = data.toString("utf8");
    if (text === "pong") return;
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      return this.#socket.close(INVALID_JSON, "Invalid JSON");
    }
    if (!isMessage(message)) return this.#socket.close(INVALID_MESSAGE, "Invalid message");
    if ("id" in message) this.#onResponse(message);
    else this.#onNotification(message);
  }

  #onResponse(message: Response): void {
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    this.#pending.delete(message.id);
    if (message.error) {
      const { code, message: text, data } = message.error;
      pending.reject(traced(new RpcError(code, text, data), pending.trace));
    } else if (message.result?.error) {
      pending.reject(traced(toError(message.result.error), pending.trace, message.result.error.stack));
    } else {
      pending.resolve(message.result?.ok);
    }
  }

  #onNotification({ method, params = {} }: Notification): void {
    const streamId = params.streamId as number;
    switch (method) {
      case "$sandbox.stream.start":
        return this.#inbound.start(streamId);
      case "$sandbox.stream.enqueue":
        return this.#inbound.enqueue(streamId, String(params.data));
      case "$sandbox.stream.end":
        return this.#inbound.end(streamId);
      case "$sandbox.stream.error":
        return this.#inbound.error(streamId, (params.error ?? null) as ErrorObject | null);
      case "$sandbox.stream.cancel":
        return this.#outbound.cancel(streamId, (params.reason ?? null) as ErrorObject | null);
      default:
        for (const listener of this.#listeners.get(method) ?? []) listener(params);
    }
  }

  #onClose(error: ConnectionClosedError): void {
    this.#closedError = error;
    this.#keepalive.stop();
    for (const { reject, trace } of this.#pending.values()) {
      reject(traced(new ConnectionClosedError(error.code, error.reason), trace));
    }
    this.#pending.clear();
    this.#inbound.close(error);
    this.#outbound.close(error);
    this.#sender.release();
  }
}

/** Appends the stack of the call to an error, below the stack it had in the sandbox, if any. */
function traced<E extends Error>(error: E, trace: { stack?: string }, remoteStack?: string | null): E {
  const frames = trace.stack?.slice(trace.stack.indexOf("\n")) ?? "";
  Object.defineProperty(error, "stack", {
    value: (remoteStack ?? String(error)) + frames,
    configurable: true,
    writable: true,
  });
  return error;
}
