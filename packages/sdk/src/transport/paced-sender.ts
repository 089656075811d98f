import type { Socket } from "./socket.ts";

/**
 * Streams pause above this many unsent bytes, and continue below the lower mark. The marks differ so that there is always
 * something to send while new frames are made: with a single mark, an upload ran at a third of the speed.
 */
const HIGH_WATER_BYTES = 4 * 1024 * 1024;
const LOW_WATER_BYTES = 2 * 1024 * 1024;

/** Sends frames on a socket, and makes streams wait while it is full. */
export class PacedSender {
  readonly #socket: Socket;
  #unsent = 0;
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Sends a frame now, however full the socket is. */
  send(frame: string): void {
    const { length } = frame;
    this.#unsent += length;
    // An error means that the connection is ending, which is reported elsewhere.
    this.#socket.send(frame, () => {
      this.#unsent -= length;
      if (this.#unsent <= LOW_WATER_BYTES) this.release();
    });
  }

  /** Sends a frame. Resolves when the socket has room for more. */
  sendPaced(frame: string): Promise<void> | undefined {
    this.send(frame);
    if (this.#unsent < HIGH_WATER_BYTES) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resumes everything that waits: there is room again, or the connection has ended. */
  release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
