import type { Logger } from "@sandkeep/common";
import type { Actor, EventBody, SandboxEvent } from "@sandkeep/protocol";
import type { EventRecord, EventStore } from "@sandkeep/store";
import { EventClock } from "./clock.ts";

/** How long an event waits for others to share a write, milliseconds. */
const FLUSH_AFTER_MS = 25;
/**
 * Number of events that may wait for a slow disk while nobody waits for them. Above it, the oldest of the organisation that
 * has the most are dropped, and the loss is logged.
 */
const MAX_WAITING = 20_000;
/** Number of events dropped at once: a hundredth. */
const DROPPED_AT_ONCE = 200;
/** Events per write. Writing blocks the event loop, for about 10 ms with this many. */
const BATCH = 1_000;
/** When a write fails, for example because the disk is full, it is retried after this time, milliseconds. */
const RETRY_AFTER_MS = 1_000;

/** Whom an event concerns. */
export interface EventSubject {
  organisation: { id: string; slug: string };
  sandbox: string | null;
  actor: Actor;
}

export type EventListener = (event: SandboxEvent, organisation: string) => void;

interface Waiting {
  record: EventRecord;
  /** Set for events that must not get lost: called when the event is on disk. */
  stored?: () => void;
}

/** Passes events to listeners at once, and writes them to the store in batches, so that nobody waits for the disk. */
export class EventBus implements AsyncDisposable {
  readonly #store: EventStore;
  readonly #log: Logger;
  readonly #clock = new EventClock();
  readonly #listeners = new Set<EventListener>();
  #waiting: Waiting[] = [];
  /** How many of them may be dropped. */
  #droppable = 0;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;
  #written = 0;

  constructor(store: EventStore, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** Events on disk since the start. */
  get written(): number {
    return this.#written;
  }

  publish(subject: EventSubject, body: EventBody): void {
    this.#add(subject, body);
    if (++this.#droppable > MAX_WAITING) this.#dropOldest();
  }

  /**
   * Resolves when the event is on disk, however long that takes: whoever causes it must wait before causing more. Never
   * rejects; if the server ends before the event is on disk, the loss is logged.
   */
  publishDurably(subject: EventSubject, body: EventBody): Promise<void> {
    return new Promise((stored) => this.#add(subject, body, stored));
  }

  #add({ organisation, sandbox, actor }: EventSubject, body: EventBody, stored?: () => void): void {
    const { id, time } = this.#clock.next();
    const record = {
      id,
      time,
      organisation: organisation.id,
      sandbox,
      kind: body.kind,
      outcome: body.outcome,
      actor,
      data: body.data,
    };
    this.#waiting.push({ record, ...(stored && { stored }) });
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
    for (const listener of this.#listeners) {
      listener(
        { id, time: new Date(time).toISOString(), org: organisation.slug, sandbox, actor, ...body },
        organisation.id,
      );
    }
  }

  /** From the organisation with the most events waiting, so that none loses events because of another. */
  #dropOldest(): void {
    const waiting = Map.groupBy(
      this.#waiting.filter(({ stored }) => !stored),
      ({ record }) => record.organisation,
    );
    const [, most = []] = [...waiting].reduce((a, b) => (b[1].length > a[1].length ? b : a), ["", [] as Waiting[]]);
    // Several at once, because each time all waiting events are searched.
    const dropped = new Set(most.slice(0, DROPPED_AT_ONCE));
    this.#waiting = this.#waiting.filter((one) => !dropped.has(one));
    this.#droppable -= dropped.size;
    this.#log.error(
      { event: "events-dropped", organisation: most[0]?.record.organisation, lost: dropped.size },
      "events arrive faster than the disk can store them; the oldest are dropped",
    );
  }

  /** Calls back for every event from now on. Returns a function that stops this. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when every event published so far is on disk, or its write has failed, which is logged. */
  flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#droppable = 0;
    if (batch.length > 0) this.#writing = this.#writing.then(() => this.#write(batch));
    return this.#writing;
  }

  async #write(events: Waiting[]): Promise<void> {
    for (let at = 0; at < events.length; at += BATCH) {
      const batch = events.slice(at, at + BATCH);
      try {
        await this.#store.append(batch.map(({ record }) => record));
        this.#written += batch.length;
        for (const { stored } of batch) stored?.();
      } catch (error) {
        this.#refused(batch, error);
      }
    }
  }

  /** Events that must not get lost are retried; the others are dropped. */
  #refused(batch: Waiting[], error: unknown): void {
    const kept = this.#closed ? [] : batch.filter(({ stored }) => stored);
    this.#log.error(
      { err: error, lost: batch.length - kept.length, waiting: kept.length },
      "events could not be written",
    );
    if (kept.length === 0) return;
    this.#waiting.unshift(...kept);
    // Not immediately, even if other events are published meanwhile.
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), RETRY_AFTER_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    // A second time, for events that a pending write has put back.
    await this.flush();
    await this.flush();
  }
}
