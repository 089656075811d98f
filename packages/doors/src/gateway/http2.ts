import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import { ApiError } from "@sandkeep/protocol";
import { endRequest } from "./end-request.ts";
import {
  HTTP2_IDLE_MS,
  MAX_EARLY_RESETS,
  MAX_HTTP2_HEADER_BYTES,
  MAX_HTTP2_HEADERS,
  MAX_SESSION_MEMORY_MB,
  MAX_STREAMS,
  RESETS_PER_SECOND,
  STREAM_WINDOW_BYTES,
} from "./limits.ts";
import type { Sites } from "./sites.ts";

/** Number of a request's pseudo-headers (RFC 9113, section 8.3.1). */
const PSEUDO_HEADERS = 4;

const SESSION_OPTIONS = {
  maxSessionMemory: MAX_SESSION_MEMORY_MB,
  /** Repeated fields are passed on as they are. By default, Node throws for those that must not be repeated. */
  strictSingleValueFields: false,
};

/** Serves HTTP/2 on connections that are passed to it as its event `connection`, and keeps its sessions in a set. */
export function http2Server(sites: Sites, sessions: Set<ServerHttp2Session>): Http2Server {
  const server = createServer(
    {
      settings: {
        enablePush: false,
        // Browsers then open WebSockets over HTTP/1.1.
        enableConnectProtocol: false,
        maxConcurrentStreams: MAX_STREAMS,
        maxHeaderListSize: MAX_HTTP2_HEADER_BYTES,
        initialWindowSize: STREAM_WINDOW_BYTES,
      },
      maxHeaderListPairs: MAX_HTTP2_HEADERS + PSEUDO_HEADERS,
      streamResetBurst: MAX_EARLY_RESETS,
      streamResetRate: RESETS_PER_SECOND,
      ...SESSION_OPTIONS,
    },
    (request, response) => {
      const site = sites.of(request);
      if (site.http2) return site.http2(request, response);
      // The connection was opened for another name (RFC 9110, section 15.5.20).
      const error = new ApiError("MISDIRECTED_REQUEST");
      response.writeHead(error.status, { "content-type": "application/json" });
      response.end(JSON.stringify(error));
    },
  );
  server.on("checkContinue", (request, response) => {
    if (!sites.of(request).sendsContinue) response.writeContinue();
    server.emit("request", request, response);
  });
  server.on("session", (session) => {
    let open = 0;
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => session.destroy());
    session.on("stream", (stream) => {
      open++;
      stream.once("close", () => open--);
      // Without a listener, a client that resets its request would end the process.
      stream.on("error", () => {});
      // Node keeps a stream that was reset without an error until its body has been read.
      stream.once("aborted", () => process.nextTick(() => stream.destroy()));
      stream.once("finish", () => setImmediate(endRequest, stream));
    });
    session.setTimeout(HTTP2_IDLE_MS);
    session.on("timeout", () => open === 0 && session.close());
  });
  return server;
}
