import type { Writable } from "node:stream";
import type { ServerChannel } from "ssh2";
import type { Room } from "./room.ts";

/**
 * The way out to a client through one channel, until the channel or its connection is closed. Only one write is under way at a time:
 * `ssh2` can let only one of standard output and standard error wait for the client's window.
 */
export class Outlet {
  readonly channel: ServerChannel;
  readonly #room: Room;
  readonly #closers: (() => void)[] = [];
  #give: ((sent: boolean) => void) | null = null;
  #closed = false;

  /** @param signal aborted when the connection is closed */
  constructor(channel: ServerChannel, room: Room, signal: AbortSignal) {
    this.channel = channel;
    this.#room = room;
    const close = () => this.close();
    this.onClose(() => signal.removeEventListener("abort", close));
    signal.addEventListener("abort", close, { once: true });
    channel.once("close", close);
    channel.on("error", close);
    if (signal.aborted) close();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Calls back when it is closed, at once if it already is. */
  onClose(callback: () => void): void {
    if (this.#closed) callback();
    else this.#closers.push(callback);
  }

  /** Resolves when there is room for more, with false if the channel is closed. */
  async write(bytes: Uint8Array, stream: Writable = this.channel): Promise<boolean> {
    await this.#room.free();
    if (this.#closed) return false;
    // `ssh2` never calls back for a channel that is closed meanwhile.
    const sent = await new Promise<boolean>((resolve) => {
      this.#give = resolve;
      stream.write(bytes, (error) => resolve(!error));
    });
    this.#give = null;
    forgetWaiting(this.channel);
    if (sent) this.#room.add(bytes.length);
    return sent;
  }

  /** Discards what the client sends from now on. */
  discardInput(): void {
    this.channel.unpipe().resume();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#give?.(false);
    this.discardInput();
    for (const callback of this.#closers) callback();
  }
}

/**
 * `ssh2` keeps what has waited for the client's window, and sends it a second time when something of the other output has to wait, whose
 * remainder it then forgets.
 */
function forgetWaiting(channel: ServerChannel): void {
  Object.assign(channel, { _chunk: undefined, _chunkcb: undefined, _chunkErr: undefined, _chunkcbErr: undefined });
}
