/** HTTP/2 from a guest: concurrent requests to one host. */
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Duplex, Readable } from "node:stream";
import { type Header, lists, pairs, value } from "@sandkeep/common/http";
import {
  IDLE_TIMEOUT_MS,
  MAX_EARLY_RESETS,
  MAX_HEADER_BYTES,
  MAX_HEADERS,
  MAX_STREAMS,
  RESETS_PER_SECOND,
  STREAM_WINDOW_BYTES,
} from "../../limits.ts";
import { gathered } from "../../streams/gathered.ts";
import { sendResponse } from "../../streams/send-response.ts";
import { exchange } from "../exchange.ts";
import type { HttpConnection, Site } from "../http-connection.ts";
import type { GuestReply, GuestRequest, ReplyHead } from "../message.ts";
import { SESSION_OPTIONS } from "./http2-options.ts";
import { grouped, sendTrailers, UpstreamHttp2 } from "./upstream-http2.ts";

/** Number of a request's pseudo-headers (RFC 9113 §8.3.1). */
const PSEUDO_HEADERS = 4;

/** Serves the requests on a connection. Resolves when it has ended. */
export function serveHttp2(connection: HttpConnection, stream: Duplex): Promise<void> {
  return new GuestHttp2(connection, stream).ended;
}

class GuestHttp2 {
  readonly ended: Promise<void>;
  readonly #connection: HttpConnection;
  readonly #http2: ServerHttp2Session;
  readonly #active = new Set<Promise<void>>();
  #idle: NodeJS.Timeout | undefined;

  constructor(connection: HttpConnection, stream: Duplex) {
    this.#connection = connection;
    this.#http2 = performServerHandshake(stream, {
      settings: {
        enablePush: false,
        maxConcurrentStreams: MAX_STREAMS,
        maxHeaderListSize: MAX_HEADER_BYTES,
        initialWindowSize: STREAM_WINDOW_BYTES,
      },
      ...SESSION_OPTIONS,
      maxHeaderListPairs: MAX_HEADERS + PSEUDO_HEADERS,
      streamResetBurst: MAX_EARLY_RESETS,
      streamResetRate: RESETS_PER_SECOND,
    });
    connection.flow.sandbox.windows.widen(this.#http2);
    this.#http2.on("error", () => this.#http2.destroy());
    this.#http2.on("stream", (guest, _headers, _flags, raw) => this.#handle(guest, raw as unknown as string[]));
    this.ended = new Promise<void>((resolve) => this.#http2.once("close", resolve)).then(async () => {
      clearTimeout(this.#idle);
      stream.destroy();
      await Promise.all(this.#active);
      await this.#connection.close();
    });
    // Requests in progress still get their responses. New ones need a new connection.
    connection.onUpstreamClose(() => this.#http2.close());
    this.#rest();
  }

  #handle(stream: ServerHttp2Stream, raw: string[]): void {
    clearTimeout(this.#idle);
    gathered(stream).on("error", () => undefined);
    if (this.#connection.upstreamClosed) return stream.close(constants.NGHTTP2_REFUSED_STREAM);
    const work: Promise<void> = exchange(
      this.#connection,
      guestRequest(this.#connection, stream, pairs(raw)),
      new Reply(stream),
      (site) => this.#connect(site),
    ).finally(() => {
      this.#active.delete(work);
      this.#rest();
    });
    this.#active.add(work);
  }

  #connect(site: Site) {
    return this.#connection.upstream(
      site,
      (socket) => new UpstreamHttp2(socket, this.#connection.flow.sandbox.windows),
    );
  }

  #rest(): void {
    clearTimeout(this.#idle);
    if (this.#active.size === 0 && !this.#http2.closed)
      this.#idle = setTimeout(() => this.#http2.close(), IDLE_TIMEOUT_MS);
  }
}

function guestRequest(connection: HttpConnection, stream: ServerHttp2Stream, all: Header[]): GuestRequest {
  const pseudo = new Map(all.filter(([name]) => name.startsWith(":")));
  const headers = all.filter(([name]) => !name.startsWith(":"));
  const declared = value(headers, "content-length");
  let trailers: Header[] = [];
  stream.on("trailers", (_headers: unknown, _flags: number, raw?: string[]) => (trailers = pairs(raw ?? [])));
  return {
    protocol: "h2",
    head: {
      version: "2",
      method: pseudo.get(":method") ?? "",
      target: pseudo.get(":path") ?? "",
      scheme: connection.scheme,
      claimedScheme: pseudo.get(":scheme") ?? null,
      authority: pseudo.get(":authority") ?? null,
      headers,
    },
    body: stream.endAfterHeaders ? null : stream,
    length: stream.endAfterHeaders ? 0 : declared === undefined ? null : Number(declared),
    trailers: () => trailers,
    expectsContinue: lists(headers, "expect", "100-continue"),
  };
}

class Reply implements GuestReply {
  readonly signal: AbortSignal;
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
    const gone = new AbortController();
    this.signal = gone.signal;
    stream.once("close", () => {
      if (!stream.writableFinished || stream.rstCode !== constants.NGHTTP2_NO_ERROR) gone.abort();
    });
  }

  get started(): boolean {
    return this.#stream.headersSent;
  }

  continue(): void {
    if (!this.#stream.headersSent && !this.#stream.destroyed && !this.#stream.closed)
      this.#stream.additionalHeaders({ ":status": constants.HTTP_STATUS_CONTINUE });
  }

  async send({ status, headers }: ReplyHead, body: Readable | Buffer | null, trailers: () => Header[]): Promise<void> {
    const stream = this.#stream;
    if (stream.destroyed) throw new Error("The guest disconnected.");
    const ended = new Promise<void>((resolve) => stream.once("close", resolve).once("finish", resolve));
    stream.respond(
      { ":status": status, ...grouped(headers) },
      { endStream: body === null, waitForTrailers: body !== null },
    );
    if (body === null) return ended;
    sendTrailers(stream, trailers);
    if (body instanceof Uint8Array) stream.end(body);
    else {
      await sendResponse(body, stream);
      stream.end();
    }
    await ended;
  }

  abort(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}
