import type { Logger } from "@sandkeep/common";
import type { EgressEvent } from "@sandkeep/egress";
import type { EgressRecord, Host } from "@sandkeep/host";

/** When a host's stream breaks, it is requested again after this pause, milliseconds. */
const RECONNECT_MS = 500;

/** State of one machine's events. */
interface Progress {
  /** Number of the last event that was passed on, and of the last that the host knows to be stored. */
  taken: number;
  acknowledged: number;
  /** Acknowledges events that were passed on, in order. */
  tail: Promise<void>;
}

/**
 * Reads a host's egress events, and acknowledges each when it is stored. Each event is passed on once, however often
 * the connection breaks: an event that arrives again is ignored, or acknowledged again.
 */
export class EgressReader implements AsyncDisposable {
  readonly #host: Host;
  readonly #owner: string;
  readonly #take: (sandbox: string, event: EgressEvent) => Promise<void>;
  readonly #log: Logger;
  readonly #closing = new AbortController();
  readonly #machines = new Map<string, Progress>();
  readonly #running: Promise<void>;
  #stream = "";
  /** Number of the last event of the stream that was passed on, whichever machine's. */
  #taken = 0;

  /** @param take Receives an event; resolves when it is stored. */
  constructor(host: Host, owner: string, take: (sandbox: string, event: EgressEvent) => Promise<void>, log: Logger) {
    this.#host = host;
    this.#owner = owner;
    this.#take = take;
    this.#log = log;
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        for await (const { stream, records } of this.#host.egressEvents(this.#owner, signal)) {
          // A new stream counts from the beginning.
          if (stream !== this.#stream) {
            this.#machines.clear();
            this.#taken = 0;
          }
          this.#stream = stream;
          for (const record of records) this.#next(record);
        }
      } catch (err) {
        this.#log.warn({ err, host: this.#host.id }, "the stream of egress events broke; reading it again");
      }
      if (!signal.aborted) await rest(RECONNECT_MS, signal);
    }
  }

  #next({ machine, sequence, event }: EgressRecord): void {
    let progress = this.#machines.get(machine);
    if (!progress) {
      // Nothing of the machine is pending: an event that comes again was acknowledged when it was already on its way.
      const acknowledged = sequence > this.#taken ? 0 : sequence;
      this.#machines.set(machine, (progress = { taken: acknowledged, acknowledged, tail: Promise.resolve() }));
    }
    if (sequence > this.#taken) {
      this.#taken = progress.taken = sequence;
      // The next time it would fail too, and the machine would have to wait for ever.
      const safe = this.#take(machine, event).catch((err: unknown) =>
        this.#log.error({ err, sandbox: machine }, "an event of egress is lost"),
      );
      progress.tail = progress.tail.then(() => safe).then(() => this.#acknowledge(machine, sequence, progress));
    } else if (sequence <= progress.acknowledged) {
      // The host has not received it.
      progress.tail = progress.tail.then(() => this.#acknowledge(machine, sequence, progress));
    }
  }

  async #acknowledge(machine: string, sequence: number, progress: Progress): Promise<void> {
    progress.acknowledged = Math.max(progress.acknowledged, sequence);
    try {
      await this.#host.acknowledgeEgress(this.#owner, machine, progress.acknowledged);
      // Nothing is pending.
      if (progress.taken === progress.acknowledged && this.#machines.get(machine) === progress)
        this.#machines.delete(machine);
    } catch (err) {
      this.#log.warn(
        { err, sandbox: machine },
        "egress events could not be acknowledged; the host will send them again",
      );
    }
  }
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
