import type { Connection as Client } from "ssh2";
import type { SshAddress, SshInbound, SshSocket } from "../contract.ts";
import { LISTEN_MS, MAX_CHANNELS, MAX_LISTENERS } from "../limits.ts";
import type { ChannelContext } from "./context.ts";
import type { Outlet } from "./outlet.ts";
import { splice } from "./splice.ts";

/** Connections that a client makes from inside the sandbox (`ssh -L`, `-D`), and those it takes from there (`ssh -R`). */
export class Forwarding {
  readonly #client: Client;
  readonly #context: ChannelContext;
  /** By the address and port that the client has named. */
  readonly #listeners = new Map<string, AbortController>();
  /** Those that are about to be added included. */
  #listening = 0;
  /** Connections to listeners that are open or being offered to the client. */
  #accepted = 0;
  /** Listeners whose next connection waits until there is room for it. */
  readonly #waiting = new Set<() => void>();

  constructor(client: Client, context: ChannelContext) {
    this.#client = client;
    this.#context = context;
  }

  /** @param accept null if the client is gone meanwhile */
  async dial(to: SshAddress | SshSocket, accept: () => Outlet | null, reject: () => void): Promise<void> {
    const { target, signal, report } = this.#context;
    const startedAt = performance.now();
    let error: string | null = null;
    try {
      const stream = await target.dial(to, signal);
      const outlet = accept();
      if (outlet) await splice(outlet, stream);
      else stream.destroy();
    } catch (cause) {
      error = (cause as Error).message;
      reject();
    }
    report({ action: "dial", to, durationMs: Math.round(performance.now() - startedAt), error });
  }

  /**
   * Begins to listen. Wherever the client wants that, it is on loopback: nothing else leads into a sandbox.
   *
   * @returns the port
   * @throws if it cannot
   */
  async listen(where: { bindAddr: string; bindPort: number }): Promise<number> {
    // Without a report: a client may ask for it thousands of times a second.
    if (this.#listening >= MAX_LISTENERS) throw new Error(`A connection can listen on at most ${MAX_LISTENERS} ports.`);
    this.#listening++;
    try {
      return await this.#listen(where);
    } catch (error) {
      this.#listening--;
      throw error;
    }
  }

  async #listen({ bindAddr, bindPort }: { bindAddr: string; bindPort: number }): Promise<number> {
    const { target, signal, report } = this.#context;
    const ended = new AbortController();
    const tooLate = setTimeout(() => ended.abort(), LISTEN_MS);
    try {
      let port = bindPort;
      const take = (connection: SshInbound) => this.#take(connection, bindAddr, port);
      const listener = await target.listen(bindPort, take, AbortSignal.any([signal, ended.signal]));
      ({ port } = listener);
      // A sandbox that says so of two listeners is not to be believed, and the client could tell them apart no more.
      if (this.#listeners.has(key(bindAddr, port))) {
        ended.abort();
        throw new Error(`The connection listens on port ${port} already.`);
      }
      this.#listeners.set(key(bindAddr, port), ended);
      void listener.closed.then(() => this.#forget(key(bindAddr, port), ended));
      report({ action: "listen", port, error: null });
      return port;
    } catch (cause) {
      report({ action: "listen", port: bindPort, error: (cause as Error).message });
      throw cause;
    } finally {
      clearTimeout(tooLate);
    }
  }

  /** False if it does not listen there. */
  cancel({ bindAddr, bindPort }: { bindAddr: string; bindPort: number }): boolean {
    const ended = this.#listeners.get(key(bindAddr, bindPort));
    if (!ended) return false;
    this.#forget(key(bindAddr, bindPort), ended);
    ended.abort();
    return true;
  }

  #forget(where: string, ended: AbortController): void {
    if (this.#listeners.get(where) !== ended) return;
    this.#listeners.delete(where);
    this.#listening--;
  }

  /** Takes a connection that somebody in the sandbox has made. Resolves when there is room for one more. */
  async #take(connection: SshInbound, bindAddr: string, port: number): Promise<void> {
    this.#accepted++;
    void this.#serve(connection, bindAddr, port).finally(() => {
      this.#accepted--;
      for (const look of this.#waiting) look();
    });
    while (this.#accepted >= MAX_CHANNELS) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await promise;
      this.#waiting.delete(resolve);
    }
  }

  async #serve({ stream, origin }: SshInbound, bindAddr: string, port: number): Promise<void> {
    const { signal, report } = this.#context;
    const startedAt = performance.now();
    let error: string | null = null;
    stream.on("error", () => {});
    try {
      await splice(await this.#offer(bindAddr, port, origin, signal), stream);
    } catch (cause) {
      error = (cause as Error).message;
      stream.destroy();
    }
    report({ action: "accept", port, durationMs: Math.round(performance.now() - startedAt), error });
  }

  #offer(bindAddr: string, port: number, origin: SshAddress, signal: AbortSignal): Promise<Outlet> {
    return new Promise((resolve, reject) => {
      const gone = () => reject(new Error("The client has disconnected."));
      if (signal.aborted) return gone();
      signal.addEventListener("abort", gone, { once: true });
      this.#client.forwardOut(bindAddr, port, origin.host, origin.port, (failure, channel) => {
        signal.removeEventListener("abort", gone);
        if (failure) reject(failure);
        else resolve(this.#context.outlet(channel));
      });
    });
  }
}

function key(address: string, port: number): string {
  return `${port} ${address}`;
}
