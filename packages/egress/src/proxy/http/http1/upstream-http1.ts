/** An HTTP/1.1 connection to an upstream. Requests are written from scratch, never copied; responses are read leniently. */
import type { Duplex } from "node:stream";
import type { Header } from "@sandkeep/common/http";
import { EXCHANGE_IDLE_TIMEOUT_MS } from "../../limits.ts";
import { Refusal } from "../../refusal.ts";
import { sendBody } from "../../streams/body-steps.ts";
import type { UpstreamConnection, UpstreamRequest, UpstreamResponse } from "../upstream.ts";
import { headText } from "./head-text.ts";
import { Http1Exchange } from "./http1-exchange.ts";
import { RequestBody } from "./request-body.ts";

/** Methods whose requests declare an empty body (RFC 9110 §8.6). */
const EXPECTS_BODY = new Set(["POST", "PUT", "PATCH"]);

export class UpstreamHttp1 implements UpstreamConnection {
  readonly #socket: Duplex;
  #exchange: Http1Exchange | null = null;
  /** Resolves when all exchanges so far are over. A request may still be in transit when its response has arrived. */
  #turn: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  readonly #onData = (chunk: Buffer) => this.#take(chunk);
  readonly #onEnd = () => this.#end();

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.on("error", (error) => {
      this.#failure ??= error;
      socket.destroy();
    });
    socket.once("close", () => this.#exchange?.fail(this.#failure ?? ended()));
    socket.on("data", this.#onData).once("end", this.#onEnd);
    timeoutOf(socket)?.(EXCHANGE_IDLE_TIMEOUT_MS, () => socket.destroy());
  }

  get closed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded;
  }

  onClose(listener: () => void): void {
    if (this.#socket.destroyed) listener();
    else this.#socket.once("close", listener);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async request(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamResponse> {
    const response = await this.#ask(request, fieldsOf(request), signal);
    if (response !== "switched") return response;
    this.#socket.destroy();
    throw Refusal.failed("The upstream switched protocols without a request to do so.");
  }

  /** Requests a WebSocket. Either the connection is switched to it and belongs to the caller, or the response says why not. */
  async upgrade(
    request: UpstreamRequest,
    signal: AbortSignal,
  ): Promise<UpstreamResponse | { headers: Header[]; socket: Duplex }> {
    const fields: Header[] = [
      ["Host", request.authority],
      ...request.headers,
      ["Connection", "Upgrade"],
      ["Upgrade", "websocket"],
    ];
    const response = await this.#ask({ ...request, body: null }, fields, signal);
    if (response !== "switched") return response;
    return { headers: this.#exchange!.head!.headers, socket: this.#socket };
  }

  /** Synchronous up to the body, which starts to flow once it has listeners. */
  #ask(request: UpstreamRequest, fields: Header[], signal: AbortSignal): Promise<UpstreamResponse | "switched"> {
    const socket = this.#socket;
    const { method, path, body, length, trailers } = request;
    const before = this.#turn;
    const sink = body && new RequestBody(socket, { length, trailers, turn: before });
    if (sink) sendBody(body, sink, () => sink.end());
    const exchange = new Http1Exchange(socket, sink, request);
    this.#turn = exchange.over;
    const abort = () => exchange.fail(new Error("The guest ended the exchange."));
    void before.then(() => {
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort, { once: true });
      void exchange.over.then(() => {
        signal.removeEventListener("abort", abort);
        // An idle connection keeps no reference to it.
        if (this.#exchange === exchange) this.#exchange = null;
      });
      if (this.closed) return exchange.fail(this.#failure ?? ended());
      this.#exchange = exchange;
      try {
        socket.write(headText(`${method} ${path} HTTP/1.1`, fields), "latin1");
      } catch (error) {
        exchange.fail(error as Error);
      }
    });
    return exchange.response;
  }

  #take(chunk: Buffer): void {
    const exchange = this.#exchange;
    const taken = exchange ? exchange.take(chunk) : 0;
    if (exchange?.switched) return this.#release(chunk.subarray(taken));
    if (taken === chunk.length) return;
    // Unrequested bytes would be taken for the response to the next request.
    if (chunk.subarray(taken).some((byte) => byte !== 10 && byte !== 13)) this.#socket.destroy();
  }

  #end(): void {
    this.#exchange?.end();
    this.#socket.destroy();
  }

  /** Hands the socket over. From now on each side may close independently. */
  #release(rest: Buffer): void {
    const socket = this.#socket;
    socket.off("data", this.#onData).off("end", this.#onEnd).pause();
    if (rest.length > 0) socket.unshift(rest);
    timeoutOf(socket)?.(0);
  }
}

function fieldsOf({
  authority,
  headers,
  body,
  length,
  method,
  expectsContinue,
  acceptsTrailers,
}: UpstreamRequest): Header[] {
  const list: Header[] = [["Host", authority], ...headers];
  if (body && length === null) list.push(["Transfer-Encoding", "chunked"]);
  else if (body || EXPECTS_BODY.has(method)) list.push(["Content-Length", String(length ?? 0)]);
  if (expectsContinue) list.push(["Expect", "100-continue"]);
  if (acceptsTrailers) list.push(["TE", "trailers"]);
  list.push(["Connection", acceptsTrailers ? "keep-alive, TE" : "keep-alive"]);
  return list;
}

function ended(): Error {
  return Object.assign(new Error("The upstream ended the connection before it had responded."), { code: "ECONNRESET" });
}

/** The `setTimeout` of a socket; other streams have none. */
function timeoutOf(socket: Duplex): ((ms: number, listener?: () => void) => void) | undefined {
  return (socket as { setTimeout?(ms: number, listener?: () => void): void }).setTimeout?.bind(socket);
}
