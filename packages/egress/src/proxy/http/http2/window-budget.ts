import type { Http2Session } from "node:http2";
import { CONNECTION_WINDOW_BYTES, DEFAULT_WINDOW_BYTES, MAX_WINDOWS_BYTES } from "../../limits.ts";

/**
 * What peers may send over one sandbox's HTTP/2 connections, guests' and upstreams', before anybody reads it. Connections get wide
 * windows while there is room, then the protocol's own: slower, and as little as an HTTP/1 connection holds.
 */
export class WindowBudget {
  #left = MAX_WINDOWS_BYTES;

  /** Widens the window of a session that is connected; what it took comes back when the session closes. */
  widen(session: Http2Session): void {
    const bytes = CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES;
    if (session.destroyed || this.#left < bytes) return;
    this.#left -= bytes;
    session.once("close", () => (this.#left += bytes));
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  }
}
