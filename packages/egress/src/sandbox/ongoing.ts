import type { Decision } from "../policy/mod.ts";

interface Held {
  /** What policy says of it now. */
  decide(): Decision;
  cut(why: Decision): void;
}

/**
 * What goes on for a sandbox: look-ups, attempts to connect, connections, requests. All of it is ended by a change of policy that
 * does not allow it, and nothing has to be remembered of the policy that it began under.
 */
export class Ongoing {
  readonly #held = new Set<Held>();
  #ended: Decision | null = null;

  /**
   * Keeps an eye on something from now until the returned function is called. What policy does not allow at this moment is cut at
   * once, so it has to be held before its first packet leaves.
   *
   * @param decide asked now and after each change
   * @param cut ends it, before it returns; called at most once
   */
  hold(decide: () => Decision, cut: (why: Decision) => void): () => void {
    const held = { decide, cut };
    const now = this.#ended ?? decide();
    if (!now.allowed) cut(now);
    else this.#held.add(held);
    return () => void this.#held.delete(held);
  }

  /** Cuts what policy no longer allows. */
  review(): void {
    for (const held of [...this.#held]) {
      // Cutting one may have ended another.
      if (!this.#held.has(held)) continue;
      const now = held.decide();
      if (!now.allowed) this.#cut(held, now);
    }
  }

  /** Cuts everything, and all that comes later. */
  end(why: Decision): void {
    this.#ended = why;
    for (const held of [...this.#held]) this.#cut(held, why);
  }

  #cut(held: Held, why: Decision): void {
    this.#held.delete(held);
    held.cut(why);
  }
}
