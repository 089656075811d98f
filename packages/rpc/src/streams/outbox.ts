/** What goes to the client: messages in order, and a mark for those who could send without end. */
import type { WebSocket } from "ws";
import type { RpcLimits } from "../limits.ts";

export class Outbox {
  readonly #socket: WebSocket;
  readonly #high: number;
  readonly #low: number;
  #waiters: (() => void)[] = [];
  #closed = false;

  constructor(socket: WebSocket, limits: Pick<RpcLimits, "outboxHighBytes" | "outboxLowBytes">) {
    this.#socket = socket;
    this.#high = limits.outboxHighBytes;
    this.#low = limits.outboxLowBytes;
  }

  /** Whether the client reads slower than we send: then wait for {@link drained} before taking more from the guest. */
  get congested(): boolean {
    return !this.#closed && this.#socket.bufferedAmount > this.#high;
  }

  /** Whether nothing reaches the client any more: the connection is closed, or about to be. */
  get over(): boolean {
    return this.#closed || this.#socket.readyState !== this.#socket.OPEN;
  }

  /** Queues a message. `sent` is called once it has left the process, or never will. */
  send(text: string, sent?: () => void): void {
    if (this.over) return sent?.();
    this.#socket.send(text, () => {
      sent?.();
      if (this.#waiters.length && this.#socket.bufferedAmount <= this.#low) this.#wake();
    });
  }

  /** Resolves once little is left unsent, or the connection is over. */
  drained(): Promise<void> {
    if (!this.congested) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** The connection is over: nobody needs to wait any more. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
