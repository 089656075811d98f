import type { Socket } from "node:net";
import { MAX_QUEUED_BYTES } from "../limits.ts";

/**
 * Says when more may be sent to a client. `ssh2` respects the client's windows, but a client may grant gigabytes and then not read, or never
 * finish a key exchange, during which everything is queued.
 */
export class Room {
  readonly #socket: Socket;
  readonly #waiting = new Set<() => void>();
  /** What the socket would have been given by now if `ssh2` queued nothing, and packets had no heads. */
  #given = 0;
  #closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("drain", () => this.wake());
    socket.once("close", () => this.close());
  }

  add(bytes: number): void {
    this.#given = Math.max(this.#given, this.#socket.bytesWritten) + bytes;
  }

  /** Resolves when there is room, or nobody is there any more. */
  async free(): Promise<void> {
    while (this.#full) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  get #full(): boolean {
    if (this.#closed) return false;
    return this.#socket.writableNeedDrain || this.#given - this.#socket.bytesWritten > MAX_QUEUED_BYTES;
  }

  /** Lets those look again who wait. */
  wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }

  close(): void {
    this.#closed = true;
    this.wake();
  }
}
