import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { ApiError } from "@sandkeep/protocol";
import { HEADERS_TIMEOUT_MS, KEEP_ALIVE_MS, MAX_HEADER_BYTES } from "./limits.ts";
import { refuse } from "./refusal.ts";
import type { Sites } from "./sites.ts";
import { newTraceId } from "./trace.ts";

/** Serves HTTP/1 on connections that are passed to it as its event `connection`. */
export function http1Server(sites: Sites): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      // Each site limits how long its bodies may take.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Clients treat upgrades to other protocols as optional, for example curl to HTTP/2: the request itself is
      // answered.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
    },
    (request, response) => sites.of(request).request(request, response),
  );
  server.on("checkContinue", (request, response) => {
    const site = sites.of(request);
    if (!site.sendsContinue) response.writeContinue();
    site.request(request, response);
  });
  server.on("upgrade", (request, socket: Socket, head) => sites.of(request).upgrade(request, socket, head));
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (!socket.writable || socket.bytesWritten > 0) return void socket.destroy();
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
