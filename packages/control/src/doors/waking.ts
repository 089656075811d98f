import { type Actor, ApiError, type EventBody } from "@sandkeep/protocol";
import { settlesWithin } from "../bounded.ts";
import type { LiveDoor } from "./live-door.ts";

/** How long a visitor waits for a sandbox that is being woken, milliseconds. Proxies in front of visitors give up after a minute. */
const WAKE_MS = 50_000;
/** After an attempt that failed, visitors get the same answer for so long, milliseconds: none of them may keep the host busy. */
const RETRY_MS = 5_000;

/** The paused sandboxes of this server, as their doors see them. */
export interface Asleep {
  /** Whether a sandbox is paused, and one that visitors wake. */
  isWoken(id: string): boolean;
  /** Lets it go on. Resolves when it runs, or is not there any more. @throws {ApiError} why it cannot go on */
  wake(id: string, actor: Actor): Promise<void>;
  /** Publishes events of a paused sandbox, also when it has ended since; null if it is not paused. */
  publisher(id: string): ((actor: Actor, body: EventBody) => void) | null;
}

/** Wakes sandboxes for their visitors: once for all who come meanwhile. */
export class Waking {
  readonly #asleep: Asleep;
  readonly #attempts = new Map<string, Promise<void>>();

  constructor(asleep: Asleep) {
    this.#asleep = asleep;
  }

  /** Resolves when the sandbox behind a door runs, or is not there any more. @throws {ApiError} `DOOR_PAUSED`, `DOOR_NOT_WOKEN` */
  async wake(door: LiveDoor, remote: string): Promise<void> {
    const awake = this.#wake(door, remote);
    if (!(await settlesWithin(awake, WAKE_MS)))
      throw new ApiError("DOOR_NOT_WOKEN", "The sandbox behind this address is paused, and takes long to be woken.");
    await awake;
  }

  async #wake(door: LiveDoor, remote: string): Promise<void> {
    await door.sandbox?.pausing;
    // It could not be paused, or runs again, or has ended.
    if (door.sandbox || door.isClosed) return;
    await (this.#attempts.get(door.sandboxId) ?? this.#attempt(door.sandboxId, remote));
  }

  #attempt(id: string, remote: string): Promise<void> {
    if (!this.#asleep.isWoken(id)) throw new ApiError("DOOR_PAUSED");
    const forget = () => void (this.#attempts.get(id) === attempt && this.#attempts.delete(id));
    const attempt = this.#asleep.wake(id, { kind: "visitor", remote }).then(forget, (cause: unknown) => {
      setTimeout(forget, RETRY_MS).unref();
      // Visitors may be anybody: the event has the details.
      const code = cause instanceof ApiError ? cause.code : "INTERNAL";
      const what = `The sandbox behind this address is paused, and could not be woken: ${code}.`;
      throw new ApiError("DOOR_NOT_WOKEN", what, { cause });
    });
    attempt.catch(() => {});
    this.#attempts.set(id, attempt);
    return attempt;
  }
}
