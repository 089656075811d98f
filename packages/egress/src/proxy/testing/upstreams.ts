/** Upstreams on 127.0.0.1 that record every byte they receive. */
import { once } from "node:events";
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestListener,
} from "node:http";
import { type IncomingHttpHeaders, performServerHandshake, type ServerHttp2Stream } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { type SecureContext, TLSSocket } from "node:tls";

/** An upstream. */
export interface Recorder extends AsyncDisposable {
  readonly port: number;
  /** Everything that was received after TLS, as Latin-1. */
  received(): string;
  /** Number of connections so far. */
  connections(): number;
  readonly sockets: Set<Duplex>;
}

export interface RecorderOptions {
  /** Serves TLS with it. */
  tls?: SecureContext;
  alpn?: string[];
}

/** A server that passes each connection (after TLS, if any) to `serve`. */
export async function upstream(
  serve: (socket: Duplex) => void,
  { tls, alpn }: RecorderOptions = {},
  address = "127.0.0.1",
): Promise<Recorder> {
  const chunks: Buffer[] = [];
  let connections = 0;
  const sockets = new Set<Duplex>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    connections++;
    socket.on("error", () => undefined);
    const stream: Duplex = tls
      ? new TLSSocket(socket, { isServer: true, secureContext: tls, ...(alpn && { ALPNProtocols: alpn }) })
      : socket;
    stream.on("error", () => undefined);
    sockets.add(stream);
    stream.once("close", () => sockets.delete(stream));
    const push = stream.push.bind(stream);
    stream.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
      if (chunk) chunks.push(Buffer.from(chunk));
      return push(chunk, encoding);
    };
    if (tls) stream.once("secure", () => serve(stream));
    else serve(stream);
  });
  server.listen(0, address);
  await once(server, "listening");
  return {
    port: (server.address() as { port: number }).port,
    received: () => Buffer.concat(chunks).toString("latin1"),
    connections: () => connections,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** An HTTP/1.1 server. Node's parser would bypass `push`, so it does not get the handle. */
export async function httpUpstream(
  listener: RequestListener,
  options: RecorderOptions = {},
  prepare: (server: HttpServer) => void = () => undefined,
): Promise<Recorder> {
  const http = createHttpServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
    // A request may be cut off.
    await Promise.resolve(listener(request, response)).catch(() => response.destroy());
  });
  prepare(http);
  return upstream((socket) => {
    (socket as unknown as { _handle?: { isStreamBase?: boolean } })._handle!.isStreamBase = false;
    http.emit("connection", socket as Socket);
  }, options);
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("latin1");
}

/** An HTTP/2 server. */
export async function http2Upstream(
  listener: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  options: RecorderOptions = {},
): Promise<Recorder> {
  return upstream((socket) => {
    // Through a separate stream, so that received bytes pass `push`.
    const session = performServerHandshake(Duplex.from({ readable: socket, writable: socket }));
    session.on("error", () => undefined);
    session.on("stream", (stream, headers) => {
      stream.on("error", () => undefined);
      listener(stream, headers);
    });
  }, options);
}
