import type { Logger } from "@sandkeep/common";
import type { Actor, EventBody, SandboxEvent } from "@sandkeep/protocol";
import type { EventRecord, EventStore } from "@sandkeep/store";
import { EventClock } from "./clock.ts";

/** Events wait so long for others to share a write, milliseconds: what was seen is on disk soon after. */
const FLUSH_AFTER_MS = 25;
/**
 * Number of events that may wait for a slow disk while nobody waits for them. Above it, the oldest of the organisation that
 * has the most are dropped, and the loss is logged.
 */
const MAX_WAITING = 20_000;
/** Events that are dropped then: a hundredth. */
const DROPPED_AT_ONCE = 200;
/** Events of one write. Writing blocks the event loop, for about 10 ms with so many. */
const BATCH = 1_000;
/** A disk that refused, because it is full for instance, is tried again after this time, milliseconds. */
const RETRY_AFTER_MS = 1_000;

/** Whose event it is. */
export interface EventSubject {
  organisation: { id: string; slug: string };
  sandbox: string | null;
  actor: Actor;
}

export type EventListener = (event: SandboxEvent, organisation: string) => void;

interface Waiting {
  record: EventRecord;
  /** There for events that must not get lost: told when it is on disk. */
  stored?: () => void;
}

/** Takes events, hands them to those who listen, and writes them to the store in batches, off everybody's path. */
export class EventBus implements AsyncDisposable {
  readonly #store: EventStore;
  readonly #log: Logger;
  readonly #clock = new EventClock();
  readonly #listeners = new Set<EventListener>();
  #waiting: Waiting[] = [];
  /** Of those, how many may be dropped. */
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

  /** Of the organisation that has the most waiting: none loses events because another causes many. */
  #dropOldest(): void {
    const waiting = Map.groupBy(
      this.#waiting.filter(({ stored }) => !stored),
      ({ record }) => record.organisation,
    );
    const [, most = []] = [...waiting].reduce((a, b) => (b[1].length > a[1].length ? b : a), ["", [] as Waiting[]]);
    // A few at once, because it takes as long as looking at all that waits.
    const dropped = new Set(most.slice(0, DROPPED_AT_ONCE));
    this.#waiting = this.#waiting.filter((one) => !dropped.has(one));
    this.#droppable -= dropped.size;
    this.#log.error(
      { event: "events-dropped", organisation: most[0]?.record.organisation, lost: dropped.size },
      "events come faster than the disk takes them; the oldest are dropped",
    );
  }

  /** Every event from now on. Returns how to stop. */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when every event published so far is on disk, or the disk has refused it, which was logged. */
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

  /** The events that somebody waits for are tried again; the others are lost. */
  #refused(batch: Waiting[], error: unknown): void {
    const kept = this.#closed ? [] : batch.filter(({ stored }) => stored);
    this.#log.error(
      { err: error, lost: batch.length - kept.length, waiting: kept.length },
      "events could not be written",
    );
    if (kept.length === 0) return;
    this.#waiting.unshift(...kept);
    // Not at once, whoever else publishes meanwhile.
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), RETRY_AFTER_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    // The second time for what a write under way put back.
    await this.flush();
    await this.flush();
  }
}
