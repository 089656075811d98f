import type { Socket } from "./socket.ts";

/** The interval of the protocol's text pings, in milliseconds. A server treats a client without pings as unresponsive. */
const PING_INTERVAL_MS = 2_000;
/**
 * After this many unanswered pings the server counts as unresponsive. Pings are counted rather than time, so that a process
 * that was itself suspended does not blame the server.
 */
const UNANSWERED_LIMIT = 15;

/** Keeps one connection alive, and ends it when the other end is unresponsive. */
export class Keepalive {
  readonly #timer: NodeJS.Timeout;
  #unanswered = 0;

  constructor(socket: Socket) {
    this.#timer = setInterval(() => {
      if (++this.#unanswered > UNANSWERED_LIMIT) socket.terminate();
      else if (socket.readyState === socket.OPEN) socket.send("ping");
    }, PING_INTERVAL_MS);
  }

  /** Call this whenever something has arrived. */
  heard(): void {
    this.#unanswered = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
