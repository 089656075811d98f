import type { Socket } from "node:net";

/** Bytes that a client may send before the upgrade is answered. A WebSocket client sends nothing until then. */
const MAX_EARLY_BYTES = 64 * 1024;

/** Watches the client while its sandbox is created: whether it still waits, and what it has already sent. */
export class WaitingClient {
  readonly #socket: Socket;
  readonly #gone = new AbortController();
  #early: Buffer[];
  #earlyBytes: number;

  constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    this.#early = [head];
    this.#earlyBytes = head.length;
    socket.on("data", this.#data);
    socket.on("end", this.#left);
    socket.on("close", this.#left);
    socket.on("error", this.#left);
  }

  /** Aborted when the client disconnects. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Stops watching, and returns the bytes that arrived early. The socket belongs to the caller again, paused. */
  release(): Buffer {
    this.#socket.off("data", this.#data);
    this.#socket.off("end", this.#left);
    this.#socket.off("close", this.#left);
    this.#socket.off("error", this.#left);
    this.#socket.pause();
    const early = Buffer.concat(this.#early);
    this.#early = [];
    return early;
  }

  readonly #data = (chunk: Buffer): void => {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes > MAX_EARLY_BYTES) this.#socket.destroy();
  };

  readonly #left = (): void => this.#gone.abort(new Error("the client is gone"));
}
