import type { Socket } from "./socket.ts";

/** The interval of the protocol's own text pings, in milliseconds. A server takes their absence for a client that is gone. */
const PING_INTERVAL_MS = 2_000;
/**
 * So many pings without a sign of life mean that the server is gone. Pings are counted rather than time measured, so that a
 * process which was stopped for a while does not take its own pause for the server's.
 */
const UNANSWERED_LIMIT = 15;

/** Keeps one connection alive, and cuts it when the other end has gone silent. */
export class Keepalive {
  readonly #timer: NodeJS.Timeout;
  #unanswered = 0;

  constructor(socket: Socket) {
    this.#timer = setInterval(() => {
      if (++this.#unanswered > UNANSWERED_LIMIT) socket.terminate();
      else if (socket.readyState === socket.OPEN) socket.send("ping");
    }, PING_INTERVAL_MS);
  }

  /** Something arrived. */
  heard(): void {
    this.#unanswered = 0;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
