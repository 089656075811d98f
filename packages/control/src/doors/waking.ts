import { NotWoken } from "@sandkeep/doors";
import { type Actor, ApiError, type EventBody } from "@sandkeep/protocol";
import { unlessAborted } from "../bounded.ts";
import { Turns } from "../turns.ts";
import { Backoff } from "./backoff.ts";
import type { LiveDoor } from "./live-door.ts";

/** How long a visitor waits for a sandbox that is being woken, milliseconds. Proxies in front of visitors give up after a minute. */
const WAKE_MS = 50_000;
/** How many of an organisation are woken at the same time: anybody can cause that, and all read their memory from the same disk. */
const WOKEN_AT_ONCE = 4;
/** After an attempt that failed, visitors get the same answer for so long, milliseconds: at first, and after many. */
const FAILED_MS = { first: 5_000, most: 5 * 60_000 };
/** The same once a door has woken a sandbox in which nothing listened: a page that reloads itself must not wake it for ever. */
const IN_VAIN_MS = { first: 60_000, most: 60 * 60_000 };

/** The paused sandboxes of this server, as their doors see them. */
export interface Asleep {
  /** Whether a sandbox is paused, and one that visitors wake. */
  isWoken(id: string): boolean;
  /** Lets it go on. Resolves when it runs, or is not there any more. @throws {ApiError} why it cannot go on */
  wake(id: string, actor: Actor): Promise<void>;
  /** Publishes events of a paused sandbox, also when it has ended since; null if it is not paused. */
  publisher(id: string): ((actor: Actor, body: EventBody) => void) | null;
}

/** A sandbox is being woken, or is to be when it is its turn. */
interface Attempt {
  over: Promise<void>;
  /** Visitors who wait for it. */
  waiting: number;
}

/** Wakes sandboxes for their visitors: once for all who come meanwhile, and only for those who still wait. */
export class Waking {
  readonly #asleep: Asleep;
  readonly #now: () => number;
  readonly #attempts = new Map<string, Attempt>();
  readonly #turns = new Turns(WOKEN_AT_ONCE);
  /** Sandboxes that could not be woken, until they run or end. */
  readonly #failed = new Map<string, Backoff & { code: string }>();
  /** Doors that have woken a sandbox, until somebody reaches what is behind them. */
  readonly #woke = new WeakMap<LiveDoor, Backoff>();

  /** @param now a clock that is never set, milliseconds */
  constructor(asleep: Asleep, now = () => performance.now()) {
    this.#asleep = asleep;
    this.#now = now;
  }

  /**
   * Resolves when the sandbox behind a door runs, or is not there any more.
   *
   * @throws {ApiError} `DOOR_PAUSED`, {@link NotWoken}, and the signal's reason
   */
  async wake(door: LiveDoor, remote: string, signal: AbortSignal): Promise<void> {
    const late = new AbortController();
    const what = "The sandbox behind this address is paused, and takes long to be woken.";
    const timer = setTimeout(() => late.abort(new NotWoken(what, FAILED_MS.first)), WAKE_MS);
    try {
      await this.#wake(door, remote, AbortSignal.any([signal, late.signal]));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Somebody has reached what is behind a door, or found nothing there. */
  dialled(door: LiveDoor, { found }: { found: boolean }): void {
    if (found) this.#woke.delete(door);
    else this.#woke.get(door)?.begin(this.#now());
  }

  /** A sandbox runs, or has ended: what was does not count any more. */
  forget(id: string): void {
    this.#failed.delete(id);
  }

  async #wake(door: LiveDoor, remote: string, signal: AbortSignal): Promise<void> {
    await unlessAborted(door.sandbox?.pausing ?? Promise.resolve(), signal);
    // It could not be paused, or runs again, or has ended.
    if (door.sandbox || door.isClosed) return;
    const running = this.#attempts.get(door.sandboxId);
    if (running) running.waiting++;
    const attempt = running ?? this.#begin(door, remote);
    try {
      await unlessAborted(attempt.over, signal);
    } finally {
      attempt.waiting--;
    }
  }

  #begin(door: LiveDoor, remote: string): Attempt {
    const id = door.sandboxId;
    if (!this.#asleep.isWoken(id)) throw new ApiError("DOOR_PAUSED");
    this.#checkPace(door);
    const forget = () => void (this.#attempts.get(id) === attempt && this.#attempts.delete(id));
    const attempt: Attempt = { over: Promise.resolve(), waiting: 1 };
    attempt.over = this.#turns
      .run(door.organisation, async () => {
        if (attempt.waiting > 0) await this.#attempt(door, remote);
        // At once: whoever comes now begins anew.
        else forget();
      })
      .finally(forget);
    attempt.over.catch(() => {});
    this.#attempts.set(id, attempt);
    return attempt;
  }

  async #attempt(door: LiveDoor, remote: string): Promise<void> {
    const id = door.sandboxId;
    const woke = this.#woke.get(door) ?? new Backoff(IN_VAIN_MS);
    try {
      await this.#asleep.wake(id, { kind: "visitor", remote });
    } catch (cause) {
      // Visitors may be anybody: the event has the details.
      const code = cause instanceof ApiError ? cause.code : "INTERNAL";
      const failed = Object.assign(this.#failed.get(id) ?? new Backoff(FAILED_MS), { code });
      // One that has ended meanwhile stays forgotten.
      if (this.#asleep.isWoken(id)) this.#failed.set(id, failed);
      failed.lengthen();
      failed.begin(this.#now());
      throw notWoken(failed, failed.left(this.#now()), { cause });
    }
    this.#failed.delete(id);
    woke.lengthen();
    this.#woke.set(door, woke);
  }

  /** @throws {NotWoken} if it is too early for another attempt */
  #checkPace(door: LiveDoor): void {
    const now = this.#now();
    const failed = this.#failed.get(door.sandboxId);
    const left = failed?.left(now) ?? 0;
    if (failed && left > 0) throw notWoken(failed, left);
    const vain = this.#woke.get(door)?.left(now) ?? 0;
    if (vain > 0)
      throw new NotWoken(
        "The sandbox behind this address is paused. When it was woken before, nothing listened.",
        vain,
      );
  }
}

function notWoken({ code }: { code: string }, leftMs: number, options?: ErrorOptions): NotWoken {
  const what = `The sandbox behind this address is paused, and could not be woken: ${code}.`;
  return new NotWoken(what, leftMs, options);
}
