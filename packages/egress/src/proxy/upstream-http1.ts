/** HTTP/1.1 towards an upstream: requests are written anew by Node, never copied, over one connection. */
import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import type { Duplex } from "node:stream";
import { feed } from "./feed.ts";
import { endToEnd, type Header, lists, pairs } from "./headers.ts";
import { EXCHANGE_IDLE_TIMEOUT_MS, MAX_HEADER_BYTES, MAX_HEADERS, MAX_INTERIM } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import type { UpstreamConnection, UpstreamRequest, UpstreamResponse } from "./upstream.ts";

/** Methods whose requests say that their body is empty (RFC 9110 §8.6). */
const EXPECTS_BODY = new Set(["POST", "PUT", "PATCH"]);

export class UpstreamHttp1 implements UpstreamConnection {
  readonly #socket: Duplex;
  readonly #agent: Agent;
  #taken = false;
  readonly #onEnd = () => void this.#socket.destroy();

  constructor(socket: Duplex) {
    this.#socket = socket;
    // An agent of one socket queues requests and knows when the socket is free again.
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1, maxFreeSockets: 1, maxTotalSockets: 1 });
    this.#agent.createConnection = () => {
      if (this.#taken || socket.destroyed) throw Refusal.failed("The connection to the upstream has ended.");
      this.#taken = true;
      return socket;
    };
    socket.on("error", () => socket.destroy());
    // Servers close idle connections by ending them.
    socket.once("end", this.#onEnd);
    (socket as { setTimeout?(ms: number, listener: () => void): void }).setTimeout?.(EXCHANGE_IDLE_TIMEOUT_MS, () => socket.destroy());
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
    this.#agent.destroy();
  }

  request(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamResponse> {
    const outgoing = this.#begin(request, head(request), signal);
    const answer = waitForAnswer(outgoing, request);
    const switched = new Promise<never>((_, reject) => {
      outgoing.once("upgrade", (_response, socket) => {
        socket.destroy();
        reject(Refusal.failed("The upstream switched protocols without being asked to."));
      });
    });
    send(outgoing, request);
    return Promise.race([answer, switched]);
  }

  /** Asks for a WebSocket. The connection is either switched to it, and the caller's, or there is an answer that says why not. */
  upgrade(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamResponse | { headers: Header[]; socket: Duplex }> {
    const list: Header[] = [["Host", request.authority], ...request.headers, ["Connection", "Upgrade"], ["Upgrade", "websocket"]];
    const outgoing = this.#begin(request, list, signal);
    const switched = new Promise<{ headers: Header[]; socket: Duplex }>((resolve) => {
      outgoing.once("upgrade", (response, socket, first) => {
        // From now on either end may end by itself.
        this.#socket.off("end", this.#onEnd);
        if (first.length > 0) socket.unshift(first);
        (socket as { setTimeout?(ms: number): void }).setTimeout?.(0);
        resolve({ headers: pairs(response.rawHeaders), socket });
      });
    });
    const answer = waitForAnswer(outgoing, request);
    outgoing.end();
    return Promise.race([switched, answer]);
  }

  #begin({ method, path }: UpstreamRequest, headers: Header[], signal: AbortSignal): ClientRequest {
    const outgoing = httpRequest({
      agent: this.#agent,
      method,
      path,
      headers: headers.flat(),
      setHost: false,
      insecureHTTPParser: false,
      maxHeaderSize: MAX_HEADER_BYTES,
      signal,
    });
    outgoing.maxHeadersCount = 0;
    return outgoing;
  }
}

function head({ authority, headers, body, length, method, expectsContinue, acceptsTrailers }: UpstreamRequest): Header[] {
  const list: Header[] = [["Host", authority], ...headers];
  if (body && length === null) list.push(["Transfer-Encoding", "chunked"]);
  else if (body || EXPECTS_BODY.has(method)) list.push(["Content-Length", String(length ?? 0)]);
  if (expectsContinue) list.push(["Expect", "100-continue"]);
  if (acceptsTrailers) list.push(["TE", "trailers"]);
  list.push(["Connection", acceptsTrailers ? "keep-alive, TE" : "keep-alive"]);
  return list;
}

function send(outgoing: ClientRequest, { body, trailers }: UpstreamRequest): void {
  outgoing.flushHeaders();
  if (!body) return void outgoing.end();
  feed(body, outgoing, () => {
    const list = trailers();
    if (list.length > 0) outgoing.addTrailers(list);
    outgoing.end();
  });
}

function waitForAnswer(outgoing: ClientRequest, { onContinue }: UpstreamRequest): Promise<UpstreamResponse> {
  return new Promise((resolve, reject) => {
    let interim = 0;
    outgoing.on("error", reject);
    outgoing.on("continue", onContinue);
    // Other interim answers are optional by nature (RFC 9110 §15.2) and stay here.
    outgoing.on("information", () => {
      if (++interim > MAX_INTERIM) outgoing.destroy(Refusal.failed("The upstream sent too many interim answers."));
    });
    outgoing.on("response", (response) => {
      if (response.rawHeaders.length / 2 > MAX_HEADERS) {
        outgoing.destroy();
        return reject(Refusal.failed(`The upstream's answer has more than ${MAX_HEADERS} headers.`));
      }
      // Another coding would be taken off nowhere, and what is in it not searched. None was asked for.
      if (!/^(chunked)?$/i.test(response.headers["transfer-encoding"]?.trim() ?? "")) {
        outgoing.destroy();
        return reject(Refusal.failed("The upstream's answer is in a transfer coding that it was not asked for."));
      }
      resolve(answer(response));
    });
  });
}

function answer(response: IncomingMessage): UpstreamResponse {
  const headers = pairs(response.rawHeaders);
  return {
    status: response.statusCode!,
    statusText: response.statusMessage ?? "",
    headers: endToEnd(headers),
    body: response,
    empty: false,
    trailers: () => pairs(response.rawTrailers),
    last: lists(headers, "connection", "close") || (response.httpVersion !== "1.1" && !lists(headers, "connection", "keep-alive")),
  };
}
