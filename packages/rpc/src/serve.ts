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
import { Calls } from "./calls.ts";
import type { MessageConnection } from "./connection/connection.ts";
import { ConnectionState, type ExposeHttp } from "./connection-state.ts";
import { RPC_LIMITS, type RpcLimits } from "./limits.ts";
import type { SandboxState } from "./sandbox-state.ts";
import { InboundStreams } from "./streams/inbound-stream.ts";
import { Outbox } from "./streams/outbox.ts";

export interface RpcContext {
  sandbox: SandboxState;
  log: Logger;
  /** Receives what happens through this connection: commands, files written. */
  emit: (activity: Activity) => void;
  exposeHttp: ExposeHttp;
  limits?: Partial<RpcLimits>;
}

/** Serves RPC on a connection until it closes; then lets go of what belonged to the connection. */
export function serveRpc(connection: MessageConnection, context: RpcContext): void {
  new Dispatcher(connection, context);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Reads a client's messages and hands them to calls and streams. */
class Dispatcher {
  readonly #connection: MessageConnection;
  readonly #state: ConnectionState;
  readonly #calls: Calls;
  readonly #inbound: InboundStreams;
  readonly #closeGraceMs: number;
  /** How many parties want the connection not to be read. */
  #pauses = 0;

  constructor(connection: MessageConnection, context: RpcContext) {
    this.#connection = connection;
    const limits = { ...RPC_LIMITS, ...context.limits };
    this.#closeGraceMs = limits.closeGraceMs;
    const outbox = new Outbox(connection, limits);
    const setPaused = (paused: boolean) => this.#setPaused(paused);
    const sendCancel = (streamId: number, reason: ErrorObject) =>
      outbox.send(JSON.stringify({ jsonrpc: "2.0", method: STREAM_METHODS.cancel, params: { streamId, reason } }));
    this.#inbound = new InboundStreams(
      { sendCancel, setPaused, overflow: (reason) => this.#close(CLOSE.tooBig, reason) },
      limits,
    );
    this.#state = new ConnectionState({
      sandbox: context.sandbox,
      outbox,
      inbound: this.#inbound,
      limits,
      log: context.log,
      emit: context.emit,
      exposeHttp: context.exposeHttp,
    });
    this.#calls = new Calls(this.#state, { setPaused, overflow: (reason) => this.#close(CLOSE.policy, reason) });
    connection.onMessage((bytes, isText) => this.#receive(bytes, isText));
    void connection.closed.then(() => this.#state.close());
  }

  #close(code: number, reason: string): void {
    this.#connection.close(code, reason, this.#closeGraceMs);
  }

  #setPaused(paused: boolean): void {
    this.#pauses += paused ? 1 : -1;
    if (this.#pauses > 0) this.#connection.pause();
    else this.#connection.resume();
  }

  #receive(bytes: Buffer, isText: boolean): void {
    let text;
    try {
      // Some clients put JSON in binary messages.
      text = isText ? bytes.toString("utf8") : utf8.decode(bytes);
    } catch {
      return this.#close(CLOSE.invalidUtf8, "Invalid UTF-8");
    }
    if (text === PING) {
      // A client that reads nothing does not miss a pong.
      if (!this.#state.outbox.congested) this.#state.outbox.send(PONG);
      return;
    }
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      // The JavaScript client closes with the same codes for the same reasons.
      return this.#close(CLOSE.invalidJson, "Invalid JSON");
    }
    this.#take(message, bytes.length);
  }

  #take(message: unknown, bytes: number): void {
    if (typeof message !== "object" || message === null || Array.isArray(message))
      return this.#close(CLOSE.invalidMessage, "Invalid message");
    const { jsonrpc, id, method, params } = message as Record<string, unknown>;
    const hasId = id !== undefined;
    if (hasId && !requestIdSchema.safeParse(id).success) return this.#close(CLOSE.invalidMessage, "Invalid message");
    if (jsonrpc !== "2.0" || typeof method !== "string") {
      if (!hasId) return this.#close(CLOSE.invalidMessage, "Invalid message");
      return void this.#calls.take(id as RequestId, null, params, bytes);
    }
    if (hasId) void this.#calls.take(id as RequestId, method, params, bytes);
    else this.#notify(method, params);
  }

  /** Notifications are not answered. Unknown and malformed ones are ignored, as the clients do. */
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
        return data && this.#state.outbound.cancel(data.streamId);
      }
      default:
        this.#state.log.debug({ method }, "unknown notification");
    }
  }
}

function asErrorObject(error: ErrorObject | string | null | undefined): ErrorObject {
  if (typeof error === "string") return { constructorName: "Error", message: error };
  return error ?? { constructorName: "Error", message: "The stream failed" };
}
