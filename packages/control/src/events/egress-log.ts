import type { Logger } from "@sandkeep/common";
import type { EgressEvent } from "@sandkeep/egress";
import type { EventStore } from "@sandkeep/store";
import type { EventBus } from "./bus.ts";
import { egressActivity } from "./egress.ts";

/** Sandboxes that have ended and are still known: what the proxy saw last may come a little after the machine's end. */
const REMEMBERED = 1_000;
/** A sandbox that has reached its bound has its oldest events removed after every so many new ones. */
const MAX_STEP = 1_000;

interface Source {
  organisation: { id: string; slug: string };
  /** Events since the oldest were removed, and those that were there before. */
  count: number;
}

/**
 * Takes what the hosts' proxies saw. Nothing of it gets lost: a sandbox that causes events faster than the disk takes them
 * has to wait. And nothing of it pushes out what others did: each sandbox has its own bound.
 */
export class EgressLog {
  readonly #events: EventBus;
  readonly #store: EventStore;
  readonly #log: Logger;
  readonly #keep: number;
  readonly #step: number;
  readonly #running = new Map<string, Source>();
  readonly #ended = new Map<string, Source>();

  /** @param keep Events of one sandbox that are kept. */
  constructor(events: EventBus, store: EventStore, keep: number, log: Logger) {
    this.#events = events;
    this.#store = store;
    this.#keep = keep;
    this.#step = Math.min(MAX_STEP, Math.ceil(keep / 10));
    this.#log = log;
  }

  /**
   * From now on events of this sandbox are taken. Returns how to end that.
   *
   * @param known Whether it may have events already.
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
      this.#log.warn({ sandbox, kind: event.kind }, "egress of a sandbox that nobody knows");
      return;
    }
    const subject = { organisation: source.organisation, sandbox, actor: { kind: "machine" } } as const;
    const stored = this.#events.publishDurably(subject, egressActivity(event));
    if (++source.count >= this.#keep + this.#step) {
      source.count = this.#keep;
      await stored;
      await this.#store
        .pruneEgress(sandbox, this.#keep)
        .catch((err: unknown) => this.#log.error({ err, sandbox }, "could not forget old events of egress"));
    }
    await stored;
  };
}
