/** HTTP/1 from a guest: Node's strict parser, one request after the other. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { IDLE_TIMEOUT_MS, MAX_HEADER_BYTES, MAX_PIPELINED } from "../../limits.ts";
import { gathered } from "../../streams/gathered.ts";
import { exchange } from "../exchange.ts";
import type { HttpConnection, Site } from "../http-connection.ts";
import { serveWebSocket } from "../websocket/websocket.ts";
import { serveConnect } from "./connect-request.ts";
import { guestRequest, Reply } from "./http1-message.ts";
import { UpstreamHttp1 } from "./upstream-http1.ts";

const connections = new WeakMap<Duplex, GuestHttp1>();

/** Never listens: connections are handed to it. One server for all, as it has no state of its own. */
const server = createServer({
  insecureHTTPParser: false,
  maxHeaderSize: MAX_HEADER_BYTES,
  requireHostHeader: false,
  keepAliveTimeout: 0,
  headersTimeout: 0,
  requestTimeout: 0,
  shouldUpgradeCallback: isWebSocket,
});
server.timeout = 0;
// No limit here, because Node would silently drop the excess. `request/request-checks.ts` counts.
server.maxHeadersCount = 0;
// A guest may close its sending side and still wait for the response.
(server as unknown as { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
server.on("request", (request: IncomingMessage, response: ServerResponse) =>
  connections.get(request.socket)?.handle(request, response, false),
);
server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) =>
  connections.get(request.socket)?.handle(request, response, true),
);
server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) =>
  connections.get(request.socket)?.handle(request, response, false),
);
server.on("connect", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
  connections.get(socket)?.switch(request, head),
);
server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) =>
  connections.get(socket)?.switch(request, head),
);
server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => connections.get(socket)?.broken(error));

/** Only upgrades to WebSocket are accepted; others are ignored, as any server may (RFC 9110 §7.8). */
function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === "websocket";
}

/** Serves the requests on a connection. Resolves when it has ended. */
export function serveHttp1(connection: HttpConnection, stream: Duplex): Promise<void> {
  return new GuestHttp1(connection, stream).ended;
}

class GuestHttp1 {
  readonly ended: Promise<void>;
  readonly #connection: HttpConnection;
  readonly #stream: Duplex;
  #queue: Promise<void> = Promise.resolve();
  #waiting = 0;
  #idle: NodeJS.Timeout | undefined;
  #switched: Promise<void> | null = null;
  /** Why the guest's bytes are not valid HTTP. */
  #malformed: string | null = null;

  constructor(connection: HttpConnection, stream: Duplex) {
    this.#connection = connection;
    this.#stream = stream;
    connections.set(stream, this);
    this.ended = new Promise<void>((resolve) => (stream.closed ? resolve() : stream.once("close", resolve))).then(() =>
      this.#close(),
    );
    connection.onUpstreamClose(() => this.#rest());
    stream.on("error", () => stream.destroy());
    server.emit("connection", stream);
    this.#rest();
  }

  handle(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    clearTimeout(this.#idle);
    if (++this.#waiting > MAX_PIPELINED) return void this.#stream.destroy();
    const guest = guestRequest(this.#connection, gathered(request), expectsContinue);
    const reply = new Reply(request, response);
    this.#queue = this.#queue
      .then(async () => {
        if (reply.signal.aborted)
          return this.#malformed
            ? this.#connection.record.malformed(this.#malformed, this.#connection.site?.host ?? null)
            : undefined;
        if (this.#connection.upstreamClosed) return void this.#stream.destroy();
        await exchange(this.#connection, guest, reply, (site) => this.#connect(site));
      })
      .finally(() => {
        this.#waiting--;
        // Node has ended the stream after the last response.
        if (this.#stream.writableEnded) this.#stream.destroy();
        this.#rest();
      });
  }

  /** Serves a CONNECT or WebSocket request. The bytes after it are no longer HTTP requests of this connection. */
  switch(request: IncomingMessage, head: Buffer): void {
    clearTimeout(this.#idle);
    this.#waiting++;
    if (head.length > 0) this.#stream.unshift(head);
    const serve = request.method === "CONNECT" ? serveConnect : serveWebSocket;
    this.#switched = this.#queue
      .then(() => serve(this.#connection, request, this.#stream))
      .catch(() => undefined)
      .finally(() => this.#end());
  }

  broken(error: NodeJS.ErrnoException): void {
    // In the middle of an exchange, an error response could be taken for the exchange's own response.
    if (!error.code?.startsWith("HPE_") || this.#switched) return void this.#stream.destroy(error);
    const reason = (this.#malformed = `The guest's bytes are not valid HTTP/1.1 (${error.code}).`);
    if (this.#waiting > 0) return void this.#stream.destroy(error);
    const overflow = error.code === "HPE_HEADER_OVERFLOW";
    void this.#queue.then(async () => {
      await this.#connection.record.malformed(reason, this.#connection.site?.host ?? null);
      if (!this.#stream.writable) return void this.#stream.destroy();
      const status = overflow ? "431 Request Header Fields Too Large" : "400 Bad Request";
      this.#stream.end(
        `HTTP/1.1 ${status}\r\ncontent-type: text/plain\r\nsandkeep-verdict: denied\r\ncontent-length: ${reason.length + 1}\r\nconnection: close\r\n\r\n${reason}\n`,
      );
      this.#end();
    });
  }

  #connect(site: Site) {
    return this.#connection.upstream(site, (socket) => new UpstreamHttp1(socket));
  }

  /** Between requests, closes the connection after a while, or when the upstream has closed. */
  #rest(): void {
    clearTimeout(this.#idle);
    if (this.#waiting > 0 || this.#stream.destroyed) return;
    if (this.#connection.upstreamClosed) return void this.#end();
    this.#idle = setTimeout(() => this.#stream.destroy(), IDLE_TIMEOUT_MS);
  }

  #end(): void {
    if (!this.#stream.writableEnded) this.#stream.end();
    this.#stream.destroy();
  }

  async #close(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#queue;
    await this.#switched;
    await this.#connection.close();
  }
}
