import type { MessageConnection } from "../connection/connection.ts";
import type { RpcLimits } from "../limits.ts";

/** What goes to the client: messages in order, and a mark beyond which nothing more is taken from the guest. */
export class Outbox {
  readonly #connection: MessageConnection;
  readonly #high: number;
  readonly #low: number;
  #waiters: (() => void)[] = [];
  #closed = false;

  constructor(connection: MessageConnection, limits: Pick<RpcLimits, "outboxHighBytes" | "outboxLowBytes">) {
    this.#connection = connection;
    this.#high = limits.outboxHighBytes;
    this.#low = limits.outboxLowBytes;
  }

  /** Whether the client reads more slowly than we send: then wait for {@link drained} before taking more from the guest. */
  get congested(): boolean {
    return !this.#closed && this.#connection.bufferedBytes > this.#high;
  }

  /** Whether nothing reaches the client any more: the connection is closed, or about to be. */
  get over(): boolean {
    return this.#closed || !this.#connection.open;
  }

  /** Queues a message. `sent` is called once it has left the process, or never will. */
  send(text: string, sent?: () => void): void {
    if (this.over) return sent?.();
    this.#connection.send(text, () => {
      sent?.();
      if (this.#waiters.length && this.#connection.bufferedBytes <= this.#low) this.#wake();
    });
  }

  /** Resolves once little is left unsent, or the connection has ended. */
  drained(): Promise<void> {
    if (!this.congested) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** The connection has ended: stop waiting. */
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
