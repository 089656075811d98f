/** HTTP/1 requests and responses in terms of Node's server. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import type { Readable } from "node:stream";
import { TLSSocket } from "node:tls";
import { type Header, lists, pairs, value } from "@sandkeep/common/http";
import { sendResponse } from "../../streams/send-response.ts";
import type { HttpConnection } from "../http-connection.ts";
import type { GuestReply, GuestRequest, ReplyHead } from "../message.ts";

/** The guest's request, as parsed by Node. */
export function guestRequest(
  connection: HttpConnection,
  request: IncomingMessage,
  expectsContinue: boolean,
): GuestRequest {
  const headers = pairs(request.rawHeaders);
  const declared = value(headers, "content-length");
  const chunked = value(headers, "transfer-encoding") !== undefined;
  const empty = !chunked && (declared === undefined || declared === "0");
  return {
    protocol: "http/1.1",
    head: {
      version: request.httpVersion as "1.0" | "1.1",
      method: request.method ?? "",
      target: request.url ?? "",
      scheme: connection.scheme,
      authority: null,
      headers,
    },
    body: empty ? null : request,
    length: empty ? 0 : chunked ? null : Number(declared),
    trailers: () => pairs(request.rawTrailers),
    expectsContinue,
  };
}

/** The response to a request that Node parsed. */
export class Reply implements GuestReply {
  readonly signal: AbortSignal;
  readonly #response: ServerResponse;
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage, response: ServerResponse) {
    const gone = new AbortController();
    this.signal = gone.signal;
    this.#request = request;
    this.#response = response;
    response.sendDate = false;
    response.on("error", () => undefined);
    request.on("error", () => undefined);
    response.once("close", () => {
      if (!response.writableFinished) gone.abort();
    });
  }

  get started(): boolean {
    return this.#response.headersSent;
  }

  continue(): void {
    if (!this.#response.headersSent) this.#response.writeContinue();
  }

  async send(
    { status, statusText, headers, last }: ReplyHead,
    body: Readable | Buffer | null,
    trailers: () => Header[],
  ): Promise<void> {
    const response = this.#response;
    const list: Header[] = [...headers];
    if (last || lists(pairs(this.#request.rawHeaders), "connection", "close")) list.push(["connection", "close"]);
    response.writeHead(
      status,
      /^[\t\x20-\x7e\x80-\xff]+$/.test(statusText) ? statusText : (STATUS_CODES[status] ?? ""),
      list.flat(),
    );
    if (body === null || body instanceof Uint8Array) {
      await new Promise<void>((resolve) => {
        response.once("close", resolve);
        response.end(body ?? undefined, () => resolve());
      });
      return;
    }
    const { socket } = this.#request;
    // Without TLS it is a stream of Node's HTTP/2, which frees text too early if an empty piece, like that of `end`, is joined to it.
    const sent = sendResponse(body, response, socket instanceof TLSSocket ? socket : null);
    // Sends the head even if the body comes later, as Latin-1. (`flushHeaders` would write it as UTF-8.)
    response.write("", "latin1");
    await sent;
    const list2 = trailers();
    if (list2.length > 0) response.addTrailers(list2);
    await new Promise<void>((resolve) => {
      response.once("close", resolve);
      response.end(() => resolve());
    });
  }

  abort(): void {
    this.#response.destroy();
    this.#request.destroy();
  }
}
