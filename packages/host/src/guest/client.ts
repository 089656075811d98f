/** The host's end of the guest contract: HTTP/2 over the control port. */
import { type ClientHttp2Session, connect, constants } from "node:http2";
import type { Socket } from "node:net";
import { sayHello } from "@sandkeep/serial";
import { type Guest, GuestError, GuestGone, type GuestStream } from "../contract.ts";
import { type GuestCalls, type GuestStreams, MAX_CALL_BYTES, maxHeadBytes } from "./contract.ts";
import { Gathered } from "./gathered.ts";
import { encodePrefix } from "./prefix.ts";
import { callResults, parseOutcome, type Schemas, streamHeads } from "./schema.ts";
import { Http2GuestStream } from "./stream.ts";

/**
 * How much a stream may send before someone reads it, in bytes: enough for full speed at a round trip of one or two
 * milliseconds.
 */
const STREAM_WINDOW = 256 * 1024;
/**
 * How much all streams together may send unread: 256 full windows, so that streams nobody reads do not stall the
 * others.
 */
const CONNECTION_WINDOW = 64 * 1024 * 1024;
/** Largest frame from the guest, in bytes: fewer, larger frames cost an emulated guest less. */
const FRAME_BYTES = 64 * 1024;

/** Why a connection to an agent ended. */
export type GuestEnd = { kind: "closed" } | { kind: "garbage"; detail: string };

export class GuestClient implements Guest {
  /** Resolves when the connection is closed. */
  readonly ended: Promise<GuestEnd>;
  readonly #session: ClientHttp2Session;
  readonly #end: (end: GuestEnd) => void;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
    const { promise, resolve } = Promise.withResolvers<GuestEnd>();
    this.ended = promise;
    this.#end = resolve;
    session.on("error", (error: NodeJS.ErrnoException) => {
      // nghttp2 reports bytes that are not HTTP/2 with errors of its own; any other error means that the socket closed.
      if (error.code === "ERR_HTTP2_ERROR" || error.code === "ERR_HTTP2_SESSION_ERROR")
        this.violation(`http/2: ${error.message}`);
    });
    session.on("goaway", (code: number) => {
      if (code !== constants.NGHTTP2_NO_ERROR) this.violation(`http/2: the agent went away with code ${code}`);
    });
    session.on("close", () => resolve({ kind: "closed" }));
  }

  /**
   * Opens a session with the agent at the other end of a connected socket, and takes ownership of the socket.
   *
   * @param helloTimeoutMs how long the agent may take to answer the hello
   * @param running as in {@link sayHello}
   * @throws {GuestGone} when it does not answer
   */
  static async connect(socket: Socket, helloTimeoutMs: number, running?: Promise<void>): Promise<GuestClient> {
    await sayHello(socket, helloTimeoutMs, running).catch((error: Error) => {
      throw new GuestGone(error.message);
    });
    const session = connect("http://guest", {
      createConnection: () => socket,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW, maxFrameSize: FRAME_BYTES },
    });
    session.setLocalWindowSize(CONNECTION_WINDOW);
    const client = new GuestClient(session);
    // Node.js reads bytes that have already arrived a moment later, and throws an uncatchable error if the session is
    // gone by then.
    await new Promise((resolve) => setImmediate(resolve));
    return client;
  }

  /** Ends the connection because the guest broke the contract. */
  violation(detail: string): void {
    this.#end({ kind: "garbage", detail });
    this.#session.destroy();
  }

  /** Closes the connection; the guest keeps running. */
  close(): void {
    this.#session.destroy();
  }

  async call<M extends keyof GuestCalls>(
    method: M,
    params: GuestCalls[M][0],
    signal?: AbortSignal,
  ): Promise<GuestCalls[M][1]> {
    const body = await this.#roundTrip(`/call/${method}`, JSON.stringify(params), signal);
    let outcome;
    try {
      outcome = parseOutcome((callResults as Schemas<GuestCalls>)[method], JSON.parse(body.toString("utf8")));
    } catch (error) {
      this.violation(`answer to ${method}: ${String(error)}`);
      throw new GuestGone("The guest sent an answer that breaks the contract.");
    }
    if ("error" in outcome) throw new GuestError(outcome.error);
    return outcome.ok as GuestCalls[M][1];
  }

  stream<M extends keyof GuestStreams>(
    method: M,
    params: GuestStreams[M][0],
    signal?: AbortSignal,
  ): GuestStream<GuestStreams[M][1]> {
    // Before the request is opened, so that oversized params do not leave it open.
    const prefix = encodePrefix(params);
    const request = this.#request(`/stream/${method}`, signal);
    const head = (streamHeads as Schemas<GuestStreams>)[method];
    return new Http2GuestStream<GuestStreams[M][1]>(request, prefix, head, maxHeadBytes(method), this);
  }

  #request(path: string, signal?: AbortSignal) {
    if (this.#session.closed || this.#session.destroyed) throw new GuestGone("The sandbox is no longer running.");
    return this.#session.request({ ":method": "POST", ":path": path }, { endStream: false, ...(signal && { signal }) });
  }

  #roundTrip(path: string, body: string, signal?: AbortSignal): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const request = this.#request(path, signal);
      const answer = new Gathered();
      let status = 0;
      request.on("response", (headers) => (status = Number(headers[":status"])));
      request.on("data", (piece: Buffer) => {
        answer.push(piece);
        if (answer.length > MAX_CALL_BYTES) this.violation(`the answer to ${path} is over ${MAX_CALL_BYTES} bytes`);
      });
      request.on("end", () => {
        if (status === 200) return resolve(answer.bytes);
        reject(new GuestGone(`The guest's agent answered ${path} with status ${status || "none"}.`));
      });
      request.on("error", (error) =>
        reject(signal?.aborted ? signal.reason : new GuestGone(`The sandbox is gone: ${error.message}`)),
      );
      request.on("close", () =>
        reject(signal?.aborted ? signal.reason : new GuestGone("The sandbox is no longer running.")),
      );
      request.end(body);
    });
  }
}
