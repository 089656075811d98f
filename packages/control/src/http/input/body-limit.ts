/** Limits how long a request's body may take to arrive. Node's own limit for whole requests has no exceptions. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { newTraceId, refuse } from "@sandkeep/doors";
import { ApiError } from "@sandkeep/protocol";

/** A whole body must arrive within this time, milliseconds. Slower clients waste a socket. */
const BODY_TIMEOUT_MS = 60_000;

const timers = new WeakMap<IncomingMessage, NodeJS.Timeout>();

/** Refuses a request whose body has not arrived by then. */
export function limitBody(request: IncomingMessage, timeoutMs = BODY_TIMEOUT_MS): void {
  const timer = setTimeout(() => {
    const { socket, complete } = request;
    if (complete) return;
    if (socket.bytesWritten > 0) socket.destroy();
    else refuse(socket as Socket, new ApiError("REQUEST_TIMEOUT"), newTraceId());
  }, timeoutMs).unref();
  timers.set(request, timer);
  request.once("close", () => clearTimeout(timers.get(request)));
}

/** Lets a body take as long as it needs, until this is disposed: who reads it limits how long the client may be silent. */
export function allowLongBody(request: IncomingMessage): Disposable {
  clearTimeout(timers.get(request));
  return {
    [Symbol.dispose]() {
      if (!request.complete && !request.destroyed) limitBody(request);
    },
  };
}
