/** An HTTP/2 connection to an upstream: one session for each connection of a guest. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type Http2Stream,
  type OutgoingHttpHeaders,
} from "node:http2";
import { type Duplex, Readable } from "node:stream";
import { endToEnd, type Header, pairs } from "@sandkeep/common/http";
import { UpstreamSocket } from "../../../dial/upstream-socket.ts";
import {
  EXCHANGE_IDLE_TIMEOUT_MS,
  LAST_FRAMES_MS,
  MAX_HEADER_BYTES,
  MAX_HEADERS,
  MAX_INTERIM,
  STREAM_WINDOW_BYTES,
} from "../../limits.ts";
import { Refusal } from "../../refusal.ts";
import { sendBody } from "../../streams/body-steps.ts";
import { Carrier } from "../../streams/carrier.ts";
import { gathered } from "../../streams/gathered.ts";
import type { UpstreamConnection, UpstreamRequest, UpstreamResponse } from "../upstream.ts";
import { SESSION_OPTIONS } from "./http2-options.ts";
import type { WindowBudget } from "./window-budget.ts";

export class UpstreamHttp2 implements UpstreamConnection {
  readonly #session: ClientHttp2Session;
  #closed = false;
  readonly #listeners: (() => void)[] = [];
  /** Tells each request in progress that its response is not continued. */
  readonly #cuts = new Set<() => void>();

  constructor(socket: Duplex, windows: WindowBudget) {
    // At the end of a plain stream, Node's HTTP/2 would destroy the session with everything that has not been read.
    const carrier = socket instanceof UpstreamSocket ? new Carrier(socket, { tellsEnd: false }) : socket;
    this.#session = connect("http://upstream", {
      createConnection: () => carrier,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES, maxHeaderListSize: MAX_HEADER_BYTES },
      ...SESSION_OPTIONS,
      maxHeaderListPairs: MAX_HEADERS + 1,
    });
    this.#session.once("connect", () => windows.widen(this.#session));
    this.#session.on("error", () => this.#session.destroy());
    const close = () => {
      this.#closed = true;
      for (const listener of this.#listeners.splice(0)) listener();
    };
    this.#session.once("goaway", close).once("close", close);
    // Node would wait for more data, and for room to send, although neither can come.
    const ended = () => {
      close();
      for (const cut of this.#cuts) cut();
      this.#session.close();
    };
    if (socket.readableEnded) ended();
    else socket.once("end", ended);
    this.#session.setTimeout(EXCHANGE_IDLE_TIMEOUT_MS, () => this.#session.destroy());
  }

  get closed(): boolean {
    return this.#closed;
  }

  onClose(listener: () => void): void {
    if (this.#closed) listener();
    else this.#listeners.push(listener);
  }

  destroy(): void {
    this.#session.destroy();
  }

  request(request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamResponse> {
    const stream = this.#session.request(head(request), {
      endStream: request.body === null,
      waitForTrailers: request.body !== null,
      signal,
    });
    sendTrailers(stream, request.trailers);
    const { body: received, cut } = bodyOf(gathered(stream));
    const answer = waitForResponse(stream, received, request);
    const { body } = request;
    const stop = () => void body?.unpipe(stream).resume();
    if (body) {
      sendBody(body, stream, () => stream.end());
      // The upstream wants no more of the body, and may still be responding.
      stream.once("aborted", stop);
    }
    const ended = () => {
      stop();
      cut();
    };
    this.#cuts.add(ended);
    stream.once("close", () => this.#cuts.delete(ended));
    return answer;
  }
}

function head({
  method,
  scheme,
  authority,
  path,
  headers,
  body,
  length,
  expectsContinue,
  acceptsTrailers,
}: UpstreamRequest): OutgoingHttpHeaders {
  const list: OutgoingHttpHeaders = {
    ":method": method,
    ":scheme": scheme,
    ":authority": authority,
    ":path": path,
    ...grouped(headers),
  };
  if (body && length !== null) list["content-length"] = String(length);
  if (expectsContinue) list.expect = "100-continue";
  if (acceptsTrailers) list.te = "trailers";
  return list;
}

/** Converts headers to Node's object form. Repeated headers stay separate. */
export function grouped(headers: readonly Header[]): OutgoingHttpHeaders {
  const list: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    const there = list[lower];
    list[lower] = there === undefined ? value : [...(Array.isArray(there) ? there : [there]), value];
  }
  return list;
}

/** Sends trailers when the body has ended. Resets the stream if they cannot be sent. */
export function sendTrailers(stream: Http2Stream, trailers: () => Header[]): void {
  stream.on("wantTrailers", () => {
    try {
      stream.sendTrailers(grouped(trailers()));
    } catch {
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    }
  });
}

/**
 * A response's body that survives a reset after its end, as sent by servers that want no more of a request, and the end of the
 * connection, which `cut` announces.
 */
function bodyOf(stream: ClientHttp2Stream): { body: Readable; cut(): void } {
  let complete = false;
  let last = false;
  const body = new Readable({
    read: () => void stream.resume(),
    destroy: (error, done) => {
      if (!complete) stream.close(constants.NGHTTP2_CANCEL);
      done(error);
    },
  });
  body.on("error", () => undefined);
  const push = stream.push.bind(stream);
  stream.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
    complete ||= chunk === null;
    return push(chunk, encoding);
  };
  stream.on("data", (chunk: Buffer) => void (body.push(chunk) || stream.pause()));
  const end = () => {
    if (body.readableEnded || body.destroyed) return;
    if (complete && stream.readableLength === 0) body.push(null);
    else body.destroy(cutShort());
  };
  stream.once("end", () => {
    end();
    // Nothing more follows after a cut.
    if (last || stream.aborted) stream.destroy();
  });
  stream.once("close", end);
  const cut = () => {
    last = true;
    if (complete) {
      if (stream.readableEnded) stream.destroy();
      return;
    }
    // Node may not have processed everything that has arrived.
    const timer = setTimeout(() => !complete && stream.destroy(cutShort()), LAST_FRAMES_MS);
    stream.once("close", () => clearTimeout(timer));
  };
  return { body, cut };
}

function cutShort(): Error {
  return Object.assign(new Error("The upstream ended the exchange before its response was complete."), {
    code: "ECONNRESET",
  });
}

function waitForResponse(
  stream: ClientHttp2Stream,
  body: Readable,
  { onContinue }: UpstreamRequest,
): Promise<UpstreamResponse> {
  return new Promise((resolve, reject) => {
    let interim = 0;
    let trailers: Header[] = [];
    const count = () => {
      if (++interim > MAX_INTERIM) stream.destroy(Refusal.failed("The upstream sent too many interim responses."));
    };
    stream.on("error", reject);
    stream.on("continue", onContinue);
    stream.on("headers", count);
    stream.on("push", () => stream.close(constants.NGHTTP2_PROTOCOL_ERROR));
    stream.on("trailers", (_headers: unknown, _flags: number, raw?: string[]) => (trailers = pairs(raw ?? [])));
    stream.once("close", () => reject(Refusal.failed("The upstream ended the exchange before it had responded.")));
    stream.once("response", (headers, flags: number, raw?: string[]) => {
      const list = pairs(raw ?? []).filter(([name]) => !name.startsWith(":"));
      resolve({
        status: headers[":status"] ?? 0,
        statusText: "",
        headers: endToEnd(list),
        body,
        empty: (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0,
        trailers: () => trailers,
        last: false,
      });
    });
  });
}
