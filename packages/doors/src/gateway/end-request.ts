import type { ServerHttp2Stream } from "node:http2";
import { CLOSE_LOOK_MS, MAX_CLOSE_LOOKS } from "./limits.ts";

/**
 * Ends a request over HTTP/2 whose response has been written. What has arrived of its body, and still arrives, would otherwise be kept
 * until somebody reads it, and the request would stay open until the client ends it.
 */
export function endRequest(stream: ServerHttp2Stream): void {
  if (stream.destroyed || stream.readableEnded) return;
  // Node's request would take the data, and pause when nobody reads it.
  stream.removeAllListeners("data");
  stream.resume();
  closeOnceSent(stream, MAX_CLOSE_LOOKS);
}

/** The client should send no more (RFC 9113, section 8.1). Said too early, that would overtake the end of the response. */
function closeOnceSent(stream: ServerHttp2Stream, looks: number): void {
  if (stream.destroyed || stream.closed || stream.state.remoteClose === 1) return;
  if (stream.state.localClose === 1 || looks === 0) return stream.close();
  setTimeout(closeOnceSent, CLOSE_LOOK_MS, stream, looks - 1).unref();
}
