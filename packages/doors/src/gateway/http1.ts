import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { ApiError } from "@sandkeep/protocol";
import { HEADERS_TIMEOUT_MS, KEEP_ALIVE_MS, MAX_HEADER_BYTES, MAX_PIPELINED } from "./limits.ts";
import { abandon, OwedResponse, owedOn, owesComplete } from "./owed-response.ts";
import { refuse } from "./refusal.ts";
import type { Sites } from "./sites.ts";
import { newTraceId } from "./trace.ts";

/** Serves HTTP/1 on connections that are passed to it as its event `connection`. */
export function http1Server(sites: Sites): Server {
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    if (owedOn(request.socket) > MAX_PIPELINED) return abandon(request.socket);
    sites.of(request).request(request, response);
  };
  const server = createServer(
    {
      ServerResponse: OwedResponse,
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      // Each site limits how long its bodies may take.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Clients treat upgrades to other protocols as optional, for example curl to HTTP/2: the request itself is
      // answered.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
    },
    serve,
  );
  server.on("checkContinue", (request, response) => {
    if (!sites.of(request).sendsContinue) response.writeContinue();
    serve(request, response);
  });
  server.on("upgrade", (request, socket: Socket, head) => {
    // Two would write to one connection. No client asks for an upgrade before it has the response to an earlier request.
    if (owedOn(socket) > 0) return abandon(socket);
    sites.of(request).upgrade(request, socket, head);
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    // An earlier request's response must not be confused with this one.
    if (!socket.writable || socket.bytesWritten > 0 || owesComplete(socket)) return abandon(socket);
    refuse(socket, clientError(error), newTraceId());
  });
  // It never listens itself. With this event, Node starts to keep track of connections and of slow headers.
  server.emit("listening");
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
