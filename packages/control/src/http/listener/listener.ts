import { createServer as createHttpServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { Logger } from "@sandkeep/common";
import type { Certificates } from "@sandkeep/doors";
import { ApiError } from "@sandkeep/protocol";
import { newTraceId } from "../trace.ts";
import { limitBody } from "./body-limit.ts";
import { refuse } from "./refusal.ts";
import type { Sites } from "./sites.ts";

/** Bytes. The configuration of a new sandbox arrives in a header, with all of its secrets; Node's default is 16 KiB. */
const MAX_HEADER_BYTES = 128 * 1024;
/** A request's headers must arrive within this time, milliseconds. Slower clients waste a socket. */
const HEADERS_TIMEOUT_MS = 10_000;
/** Idle connections are kept for the next request, milliseconds. Longer than the 4 s after which common clients close them. */
const KEEP_ALIVE_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;

export interface ListenerOptions {
  sites: Sites;
  /** Null for plain HTTP. */
  certificates: Certificates | null;
  maxConnections: number;
  log: Logger;
}

/** Node's HTTP server: serves all sites, HTTP and WebSocket, on one port. */
export async function createListener({ sites, certificates, maxConnections, log }: ListenerOptions): Promise<Server> {
  const options: ServerOptions = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    // See limitBody.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Clients treat upgrades to other protocols as optional, for example curl to HTTP/2: the request itself is
    // answered.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
  };
  const listener: RequestListener = (request, response) => {
    limitBody(request);
    sites.of(request).request(request, response);
  };
  const server = certificates ? await secure(certificates, options, listener) : createHttpServer(options, listener);
  server.maxConnections = maxConnections;
  server.on("upgrade", (request, socket: Socket, head) => sites.of(request).upgrade(request, socket, head));
  // For example, accept fails when file descriptors run out: the server continues with the connections it has.
  server.on("error", (error) => log.error({ err: error }, "the listener failed"));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable || socket.bytesWritten > 0) return void socket.destroy();
    refuse(socket, clientError(error), newTraceId());
  });
  return server;
}

async function secure(
  certificates: Certificates,
  options: ServerOptions,
  listener: RequestListener,
): Promise<HttpsServer> {
  const { certificateOptions, useCertificates } = await import("@sandkeep/doors/tls");
  const server = createHttpsServer(
    {
      ...options,
      ...(await certificateOptions(certificates)),
      // Clients that negotiate HTTP/2 cannot upgrade to WebSocket (wire-protocol §1).
      ALPNProtocols: ["http/1.1"],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    },
    listener,
  );
  const used = useCertificates(server, certificates);
  server.once("close", () => used[Symbol.dispose]());
  return server;
}

/** The error for input that Node's parser rejects, before there is a request. */
function clientError(error: NodeJS.ErrnoException): ApiError {
  switch (error.code) {
    case "HPE_HEADER_OVERFLOW":
      return new ApiError("HEADERS_TOO_LARGE");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new ApiError("REQUEST_TIMEOUT");
    default:
      return new ApiError("INVALID_REQUEST", "This is not a valid HTTP/1.1 request.");
  }
}
