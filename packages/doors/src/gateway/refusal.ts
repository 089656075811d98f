import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { ApiError } from "@sandkeep/protocol";
import { TRACE_HEADER } from "./trace.ts";

/** A client that does not read its answer is disconnected after this time, milliseconds. */
const LINGER_MS = 2_000;

/**
 * Answers on a bare socket, as for a refused upgrade, and closes it. Sends a length and closes, because clients read
 * the body to its end (wire-protocol §4.2).
 */
export function refuse(socket: Socket, error: ApiError, traceId: string): void {
  const body = JSON.stringify(error);
  socket.on("error", () => {});
  socket.end(
    [
      `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? "Error"}`,
      "content-type: application/json",
      `content-length: ${Buffer.byteLength(body)}`,
      `${TRACE_HEADER}: ${traceId}`,
      "connection: close",
      "",
      body,
    ].join("\r\n"),
  );
  // Keep reading: bytes that arrive after the close would cause a reset, and the client would lose the answer.
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
}
