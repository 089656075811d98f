import { randomUUID } from "node:crypto";
import type { WebSocket } from "ws";

/** A client that has been told of the end has so long to answer, milliseconds. */
const CLOSE_GRACE_MS = 1_000;

/** How a connection ended. */
export interface Closing {
  code: number;
  reason: string;
  /** Nothing had been heard of the client for too long. */
  silent: boolean;
}

/** One client's WebSocket to a sandbox. */
export class Connection {
  readonly id = randomUUID();
  readonly remote: string;
  readonly openedAt = Date.now();
  readonly closed: Promise<Closing>;
  readonly #socket: WebSocket;
  /** Closes through the RPC layer, which has streams to end first. */
  #closeGently: (code: number, reason: string) => void;
  #silent = false;
  #ours: { code: number; reason: string } | null = null;

  constructor(socket: WebSocket, remote: string) {
    this.#socket = socket;
    this.remote = remote;
    this.#closeGently = (code, reason) => socket.close(code, reason);
    this.closed = new Promise((resolve) => {
      // A client that is cut off after our close does not tell our reason.
      socket.once("close", (code, reason) =>
        resolve({ ...(this.#ours ?? { code, reason: reason.toString() }), silent: this.#silent }),
      );
    });
  }

  /** The RPC layer closes this connection from now on. */
  closeThrough(rpc: { close(code: number, reason: string): void }): void {
    this.#closeGently = (code, reason) => rpc.close(code, reason);
  }

  /** Closes it with a reason for the client; drops it, if the client does not answer. Resolves when it is closed. */
  async close(code: number, reason: string): Promise<void> {
    this.#ours ??= { code, reason };
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_GRACE_MS);
    this.#closeGently(code, reason);
    await this.closed;
    clearTimeout(timer);
  }

  /** Closes it, since nothing is heard of the client: one that only hangs may read the reason when it goes on. */
  closeSilent(code: number, reason: string): void {
    this.#silent = true;
    void this.close(code, reason);
  }
}
