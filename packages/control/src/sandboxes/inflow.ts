import { CLOSE } from "@sandkeep/protocol";
import type { MessageConnection } from "@sandkeep/rpc";

/**
 * Limits how much memory all unfinished messages together take. A message is held until its last byte has arrived, and
 * each may be large. Above the limit, the connection that holds the most is closed.
 */
export class Inflow {
  readonly #limit: number;
  readonly #unfinished = new Map<MessageConnection, number>();
  #total = 0;

  /** @param limit Bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Counts a connection's unfinished messages until it closes. */
  watch(connection: MessageConnection): void {
    this.#unfinished.set(connection, 0);
    connection.onUnfinished((bytes) => this.#set(connection, bytes));
    void connection.closed.then(() => this.#forget(connection));
  }

  #set(connection: MessageConnection, bytes: number): void {
    const before = this.#unfinished.get(connection);
    if (before === undefined) return;
    this.#unfinished.set(connection, bytes);
    this.#total += bytes - before;
    if (this.#total > this.#limit) this.#closeLargest();
  }

  #forget(connection: MessageConnection): void {
    this.#set(connection, 0);
    this.#unfinished.delete(connection);
  }

  #closeLargest(): void {
    let largest: MessageConnection | null = null;
    let most = 0;
    for (const [connection, bytes] of this.#unfinished) {
      if (bytes > most) [largest, most] = [connection, bytes];
    }
    if (!largest) return;
    this.#forget(largest);
    // Immediately: bytes in flight must not be held until the client has read the reason.
    largest.close(CLOSE.tryAgainLater, "The server is receiving too much at once.", 0);
  }
}
