import type { Socket } from "node:net";
import { MAX_UNSENT_BYTES, SLOW_PIECE_MS } from "./limits.ts";

/** Lets a client's bytes in: in turn with those of others, and no faster than the client takes the answers. */
export class Intake {
  readonly #socket: Socket;
  #holds = 0;
  #beganAt = 0;

  /** To be called before `ssh2` reads from the socket, but after it has been paused: it reads when `ssh2` is ready. */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", () => {
      this.#beganAt = performance.now();
    });
  }

  /** To be called when `ssh2` reads: from now on each piece is looked at after it has been handled. */
  watch(): void {
    this.#socket.on("data", () => this.#handled());
  }

  /** Takes nothing until the result is called. */
  hold(): () => void {
    this.#holds++;
    this.#socket.pause();
    let holds = true;
    return () => {
      if (holds && --this.#holds === 0) this.#socket.resume();
      holds = false;
    };
  }

  /** What comes from now on is discarded. */
  stop(): void {
    this.#socket.removeAllListeners("data");
    this.#socket.resume();
  }

  #handled(): void {
    // Node.js reads up to two megabytes before anything else gets a turn: with tiny packets, that takes seconds.
    if (performance.now() - this.#beganAt > SLOW_PIECE_MS) setImmediate(this.hold());
    if (this.#socket.writableLength > MAX_UNSENT_BYTES) this.#socket.once("drain", this.hold());
  }
}
