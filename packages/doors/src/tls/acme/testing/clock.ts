import { EventEmitter, once } from "node:events";
import { type Clock, systemClock } from "../clock.ts";

/** Shorter sleeps, milliseconds, take their time: somebody else works meanwhile. */
const LONG_MS = 60_000;

/** FOR TESTS ONLY: a clock that can be put forward. Long sleeps end only by that. */
export class TestClock implements Clock {
  #ahead = 0;
  readonly #changes = new EventEmitter();
  /** Emits the end of each long sleep that begins. */
  readonly #sleeps = new EventEmitter();
  #sleeping = 0;

  now(): number {
    return Date.now() + this.#ahead;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (ms < LONG_MS) return await systemClock.sleep(ms, signal);
    const until = this.now() + ms;
    this.#sleeping++;
    this.#sleeps.emit("sleep");
    try {
      while (this.now() < until) await once(this.#changes, "change", { signal });
    } catch {
      signal.throwIfAborted();
    } finally {
      this.#sleeping--;
    }
  }

  /** Puts it forward. */
  advance(ms: number): void {
    this.#ahead += ms;
    this.#changes.emit("change");
  }

  /** Resolves once this many sleep for long: nothing happens until the clock is put forward. */
  async idle(sleepers = 1): Promise<void> {
    while (this.#sleeping < sleepers) await once(this.#sleeps, "sleep");
  }
}
