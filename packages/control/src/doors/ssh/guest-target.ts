import type { Duplex } from "node:stream";
import type {
  SshAddress,
  SshInbound,
  SshListener,
  SshProcess,
  SshSocket,
  SshSpawnParams,
  SshTarget,
} from "@sandkeep/doors";
import { type Guest, GuestGone, type GuestStream } from "@sandkeep/host";
import { GuestProcess } from "./guest-process.ts";

/**
 * As sshd sets them, because programs look whether they run in a login by SSH, and bash then reads `~/.bashrc` for commands too. The
 * sandbox does not learn from where somebody has logged in.
 */
const LOGIN_ENV = { SSH_CLIENT: "127.0.0.1 0 22", SSH_CONNECTION: "127.0.0.1 0 127.0.0.1 22" };

/** A sandbox as what is behind an SSH door. */
export class GuestTarget implements SshTarget {
  readonly #guest: Guest;

  constructor(guest: Guest) {
    this.#guest = guest;
  }

  spawn(params: SshSpawnParams, signal: AbortSignal): Promise<SshProcess> {
    return GuestProcess.start(this.#guest, { ...params, env: { ...LOGIN_ENV, ...params.env } }, signal);
  }

  async dial(to: SshAddress | SshSocket, signal: AbortSignal): Promise<Duplex> {
    const stream = abortable(this.#guest.stream("dial", { ...to }), signal);
    await stream.head;
    return stream;
  }

  async listen(
    port: number,
    take: (connection: SshInbound) => Promise<void>,
    signal: AbortSignal,
  ): Promise<SshListener> {
    const listening = abortable(this.#guest.stream("listen", { port }), signal);
    const closed = new Promise((resolve) => listening.once("close", resolve));
    const head = await listening.head;
    if (port !== 0 && head.port !== port) {
      this.#guest.violation(`listens on port ${head.port} instead of ${port}`);
      throw new GuestGone("The guest broke its contract.");
    }
    void this.#accept(head.listener, take, listening);
    return { port: head.port, closed };
  }

  /** Offers one connection after another, as long as the listener exists. */
  async #accept(
    listener: number,
    take: (connection: SshInbound) => Promise<void>,
    listening: GuestStream<unknown>,
  ): Promise<void> {
    let waiting: GuestStream<{ host: string; port: number }> | null = null;
    listening.once("close", () => waiting?.destroy());
    try {
      while (!listening.destroyed) {
        const stream = abortable(this.#guest.stream("accept", { listener }));
        waiting = stream;
        const origin = await stream.head;
        // A connection that was accepted stays open when nobody listens any more.
        waiting = null;
        await take({ stream, origin });
      }
    } catch {
      // The listener or the machine is gone.
      listening.destroy();
    }
  }
}

/** Resets a stream on abort. Who reads or writes it gets its errors; here they are only kept from being unhandled. */
function abortable<Stream extends GuestStream<unknown>>(stream: Stream, signal?: AbortSignal): Stream {
  stream.on("error", () => {});
  if (!signal) return stream;
  const abort = () => void stream.destroy();
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  stream.once("close", () => signal.removeEventListener("abort", abort));
  return stream;
}
