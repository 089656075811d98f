import type { Http2Session } from "node:http2";
import { CONNECTION_WINDOW_BYTES, DEFAULT_WINDOW_BYTES, MAX_WINDOWS_BYTES } from "../../limits.ts";

/**
 * The total of unread bytes that peers may send over one sandbox's HTTP/2 connections, from the guest and from upstreams. Connections get
 * large windows while the budget lasts, then HTTP/2's default: slower, but with as little memory as an HTTP/1 connection.
 */
export class WindowBudget {
  #left = MAX_WINDOWS_BYTES;

  /** Enlarges the window of a connected session. Its share returns to the budget when the session closes. */
  widen(session: Http2Session): void {
    const bytes = CONNECTION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES;
    if (session.destroyed || this.#left < bytes) return;
    this.#left -= bytes;
    session.once("close", () => (this.#left += bytes));
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
  }
}
