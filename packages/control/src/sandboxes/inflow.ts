import type { Socket } from "node:net";
import type { WebSocket } from "ws";

/** WebSocket close code "try again later". */
const TRY_AGAIN_LATER = 1013;

/**
 * Bounds what all unfinished messages together may take of the server's memory. A message is kept until its last byte
 * has come, and each may be large; when too much is pending, the connection with the most of it is closed.
 */
export class Inflow {
  readonly #limit: number;
  readonly #pending = new Map<WebSocket, number>();
  #total = 0;

  /** @param limit Bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  watch(socket: WebSocket, transport: Socket): void {
    this.#pending.set(socket, 0);
    transport.on("data", (chunk: Buffer) => this.#add(socket, chunk.length));
    socket.on("message", () => this.#reset(socket));
    socket.once("close", () => {
      this.#reset(socket);
      this.#pending.delete(socket);
    });
  }

  #add(socket: WebSocket, bytes: number): void {
    const pending = this.#pending.get(socket);
    if (pending === undefined) return;
    this.#pending.set(socket, pending + bytes);
    this.#total += bytes;
    if (this.#total > this.#limit) this.#closeLargest();
  }

  #reset(socket: WebSocket): void {
    const pending = this.#pending.get(socket);
    if (!pending) return;
    this.#total -= pending;
    this.#pending.set(socket, 0);
  }

  #closeLargest(): void {
    let largest: WebSocket | null = null;
    let most = 0;
    for (const [socket, pending] of this.#pending) {
      if (pending > most) [largest, most] = [socket, pending];
    }
    if (!largest) return;
    this.#reset(largest);
    this.#pending.delete(largest);
    largest.close(TRY_AGAIN_LATER, "The server is receiving too much at once.");
    // What is still on its way must not be kept until the client has read the close frame.
    largest.terminate();
  }
}
