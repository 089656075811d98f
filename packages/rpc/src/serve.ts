/** One WebSocket: frames in, frames out, keepalive, the end. */
import type { Logger } from "@sandkeep/common";
import {
  type Activity,
  CLOSE,
  type ErrorObject,
  PING,
  PONG,
  type RequestId,
  requestIdSchema,
  STREAM_METHODS,
  streamNotifications,
} from "@sandkeep/protocol";
import type { RawData, WebSocket } from "ws";
import { Calls } from "./calls.ts";
import { Client } from "./connection-state.ts";
import { RPC_LIMITS, type RpcLimits } from "./limits.ts";
import type { SandboxSession } from "./sandbox-state.ts";
import { InboundStreams } from "./streams/inbound-stream.ts";
import { Outbox } from "./streams/outbox.ts";

export interface RpcContext {
  session: SandboxSession;
  log: Logger;
  /** Takes what happens through this connection: commands, files written. */
  emit: (activity: Activity) => void;
  limits?: Partial<RpcLimits>;
}

export interface RpcConnection {
  /** Closes the socket with a WebSocket close code and a reason of at most 123 bytes. */
  close(code: number, reason: string): void;
  /** Resolves when the socket is closed and what belonged to the connection is let go. */
  readonly closed: Promise<{ code: number; reason: string }>;
}

/** Serves JSON-RPC on an accepted WebSocket until it closes. */
export function serveRpc(socket: WebSocket, context: RpcContext): RpcConnection {
  return new Connection(socket, context);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

class Connection implements RpcConnection {
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #socket: WebSocket;
  readonly #client: Client;
  readonly #calls: Calls;
  readonly #inbound: InboundStreams;
  readonly #closeGraceMs: number;
  #closing: { code: number; reason: string } | null = null;
  /** How many parties want the socket not to be read. */
  #pauses = 0;

  constructor(socket: WebSocket, context: RpcContext) {
    this.#socket = socket;
    const limits = { ...RPC_LIMITS, ...context.limits };
    this.#closeGraceMs = limits.closeGraceMs;
    const outbox = new Outbox(socket, limits);
    const setPaused = (paused: boolean) => this.#setPaused(paused);
    const sendCancel = (streamId: number, reason: ErrorObject) =>
      outbox.send(JSON.stringify({ jsonrpc: "2.0", method: STREAM_METHODS.cancel, params: { streamId, reason } }));
    this.#inbound = new InboundStreams(
      { sendCancel, setPaused, overflow: (reason) => this.close(CLOSE.tooBig, reason) },
      limits,
    );
    this.#client = new Client({
      session: context.session,
      outbox,
      inbound: this.#inbound,
      limits,
      log: context.log,
      emit: context.emit,
    });
    this.#calls = new Calls(this.#client, { setPaused, overflow: (reason) => this.close(CLOSE.policy, reason) });

    this.closed = new Promise((resolve) => {
      socket.once("close", (code, reason) => {
        this.#client.close();
        // A client that is cut off after our close does not tell our reason.
        resolve(this.#closing ?? { code, reason: reason.toString("utf8") });
      });
    });
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
    // Malformed frames, invalid UTF-8 and messages over the bound end the socket with the fitting code by themselves.
    socket.on("error", (error) => context.log.debug({ err: error }, "websocket failed"));
  }

  close(code: number, reason: string): void {
    if (this.#closing || this.#socket.readyState !== this.#socket.OPEN) return;
    this.#closing = { code, reason };
    const cutOff = setTimeout(() => this.#socket.terminate(), this.#closeGraceMs).unref();
    this.#socket.once("close", () => clearTimeout(cutOff));
    // A socket that is not read never sees the answer to its close.
    if (this.#socket.isPaused) this.#socket.resume();
    this.#socket.close(code, reason);
  }

  #setPaused(paused: boolean): void {
    this.#pauses += paused ? 1 : -1;
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    if (this.#pauses > 0) this.#socket.pause();
    else this.#socket.resume();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    const bytes = Array.isArray(data) ? Buffer.concat(data) : data instanceof ArrayBuffer ? Buffer.from(data) : data;
    let text;
    try {
      // Text frames were checked by the WebSocket implementation; some clients put JSON in binary ones.
      text = isBinary ? utf8.decode(bytes) : bytes.toString("utf8");
    } catch {
      return this.close(CLOSE.invalidUtf8, "Invalid UTF-8");
    }
    if (text === PING) {
      // Who reads nothing misses none.
      if (!this.#client.outbox.congested) this.#client.outbox.send(PONG);
      return;
    }
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      // The codes are those with which the JavaScript client closes on the same grounds.
      return this.close(CLOSE.invalidJson, "Invalid JSON");
    }
    this.#take(message, bytes.length);
  }

  #take(message: unknown, bytes: number): void {
    if (typeof message !== "object" || message === null || Array.isArray(message))
      return this.close(CLOSE.invalidMessage, "Invalid message");
    const { jsonrpc, id, method, params } = message as Record<string, unknown>;
    const hasId = id !== undefined;
    if (hasId && !requestIdSchema.safeParse(id).success) return this.close(CLOSE.invalidMessage, "Invalid message");
    if (jsonrpc !== "2.0" || typeof method !== "string") {
      if (!hasId) return this.close(CLOSE.invalidMessage, "Invalid message");
      return void this.#calls.take(id as RequestId, null, params, bytes);
    }
    if (hasId) void this.#calls.take(id as RequestId, method, params, bytes);
    else this.#notify(method, params);
  }

  /** Notifications get no answer; unknown and malformed ones are passed over, as the clients do. */
  #notify(method: string, params: unknown): void {
    switch (method) {
      case STREAM_METHODS.start: {
        const { data } = streamNotifications[method].safeParse(params);
        return data && this.#inbound.start(data.streamId);
      }
      case STREAM_METHODS.enqueue: {
        const { data } = streamNotifications[method].safeParse(params);
        return data && this.#inbound.enqueue(data.streamId, data.data);
      }
      case STREAM_METHODS.end: {
        const { data } = streamNotifications[method].safeParse(params);
        return data && this.#inbound.end(data.streamId);
      }
      case STREAM_METHODS.error: {
        const { data } = streamNotifications[method].safeParse(params);
        return data && this.#inbound.fail(data.streamId, asErrorObject(data.error));
      }
      case STREAM_METHODS.cancel: {
        const { data } = streamNotifications[method].safeParse(params);
        return data && this.#client.outbound.cancel(data.streamId);
      }
      default:
        this.#client.log.debug({ method }, "unknown notification");
    }
  }
}

function asErrorObject(error: ErrorObject | string | null | undefined): ErrorObject {
  if (typeof error === "string") return { constructorName: "Error", message: error };
  return error ?? { constructorName: "Error", message: "The stream failed" };
}
