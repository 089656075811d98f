import type { Logger } from "@sandkeep/common";
import type { EgressEvent } from "@sandkeep/egress";
import type { EventStore } from "@sandkeep/store";
import type { EventBus } from "./bus.ts";
import { egressActivity } from "./egress.ts";

/** Number of ended sandboxes that are still known: the proxy's last events may arrive shortly after a machine has ended. */
const REMEMBERED = 1_000;
/** When a sandbox has reached its limit, its oldest events are removed each time this many new ones were written. */
const MAX_STEP = 1_000;

interface Source {
  organisation: { id: string; slug: string };
  /** Events since the oldest were last removed, and events from before that. */
  count: number;
}

/**
 * Stores the events that the hosts' proxies report. None gets lost: a sandbox that causes events faster than the disk
 * writes them has to wait. And none displaces another sandbox's events: each sandbox has its own limit.
 */
export class EgressLog {
  readonly #events: EventBus;
  readonly #store: EventStore;
  readonly #log: Logger;
  readonly #keep: number;
  readonly #step: number;
  readonly #running = new Map<string, Source>();
  readonly #ended = new Map<string, Source>();

  /** @param keep Number of events kept per sandbox. */
  constructor(events: EventBus, store: EventStore, keep: number, log: Logger) {
    this.#events = events;
    this.#store = store;
    this.#keep = keep;
    this.#step = Math.min(MAX_STEP, Math.ceil(keep / 10));
    this.#log = log;
  }

  /**
   * Accepts events of this sandbox from now on. Returns a function that ends this.
   *
   * @param known Whether the sandbox may already have events.
   */
  enter(sandbox: string, organisation: Source["organisation"], known = false): () => void {
    const source = { organisation, count: known ? this.#keep : 0 };
    this.#running.set(sandbox, source);
    return () => {
      this.#running.delete(sandbox);
      this.#ended.set(sandbox, source);
      if (this.#ended.size > REMEMBERED) this.#ended.delete(this.#ended.keys().next().value as string);
    };
  }

  /** Resolves when the event is on disk. */
  readonly take = async (sandbox: string, event: EgressEvent): Promise<void> => {
    const source = this.#running.get(sandbox) ?? this.#ended.get(sandbox);
    if (!source) {
      this.#log.warn({ sandbox, kind: event.kind }, "egress event of an unknown sandbox");
      return;
    }
    const subject = { organisation: source.organisation, sandbox, actor: { kind: "machine" } } as const;
    const stored = this.#events.publishDurably(subject, egressActivity(event));
    if (++source.count >= this.#keep + this.#step) {
      source.count = this.#keep;
      await stored;
      await this.#store
        .pruneEgress(sandbox, this.#keep)
        .catch((err: unknown) => this.#log.error({ err, sandbox }, "could not delete old egress events"));
    }
    await stored;
  };
}
