import type { Actor, EventBody, SandboxEvent } from "@sandkeep/protocol";
import type { Logger } from "../log/logger.ts";
import type { EventRecord, EventStore } from "../store/contract.ts";
import { EventClock } from "./clock.ts";

/** Events wait so long for others to share a write, milliseconds: what was seen is on disk soon after. */
const FLUSH_AFTER_MS = 25;
/** Events that may wait for a slow disk; beyond it the oldest are dropped and the loss is logged. */
const MAX_WAITING = 20_000;

/** Whose event it is. */
export interface EventSubject {
  organisation: { id: string; slug: string };
  sandbox: string | null;
  actor: Actor;
}

export type EventListener = (event: SandboxEvent, organisation: string) => void;

/** Takes events, hands them to those who listen, and writes them to the store in batches, off everybody's path. */
export class EventBus implements AsyncDisposable {
  readonly #store: EventStore;
  readonly #log: Logger;
  readonly #clock = new EventClock();
  readonly #listeners = new Set<EventListener>();
  #waiting: EventRecord[] = [];
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(store: EventStore, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  publish(subject: EventSubject, body: EventBody): void {
    const { id, time } = this.#clock.next();
    const { organisation, sandbox, actor } = subject;
    this.#waiting.push({ id, time, organisation: organisation.id, sandbox, kind: body.kind, outcome: body.outcome, actor, data: body.data });
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift();
      this.#log.error({ event: "events-dropped" }, "events come faster than the disk takes them; the oldest is dropped");
    }
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
    for (const listener of this.#listeners) {
      listener({ id, time: new Date(time).toISOString(), org: organisation.slug, sandbox, actor, ...body }, organisation.id);
    }
  }

  /** Every event from now on. Returns how to stop. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when every event published so far is on disk, or its loss was logged. */
  flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const batch = this.#waiting;
    this.#waiting = [];
    if (batch.length > 0) {
      this.#writing = this.#writing
        .then(() => this.#store.append(batch))
        .catch((error: unknown) => this.#log.error({ err: error, events: batch.length }, "events could not be written"));
    }
    return this.#writing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    await this.flush();
  }
}
