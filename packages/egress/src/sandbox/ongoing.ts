import type { Decision } from "../policy/mod.ts";

interface Held {
  /** What policy decides about it now. */
  decide(): Decision;
  cut(why: Decision): void;
}

/**
 * Everything in progress for a sandbox: lookups, connection attempts, connections, requests. A policy change cuts whatever the new
 * policy does not allow, regardless of the policy it began under.
 */
export class Ongoing {
  readonly #held = new Set<Held>();
  #ended: Decision | null = null;

  /**
   * Watches something until the returned function is called. If policy does not allow it at this moment, it is cut at once, so call
   * this before its first packet leaves.
   *
   * @param decide called now and after each policy change
   * @param cut must end it before returning; called at most once
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
      // Cutting one may have ended another one.
      if (!this.#held.has(held)) continue;
      const now = held.decide();
      if (!now.allowed) this.#cut(held, now);
    }
  }

  /** Cuts everything, including whatever is held later. */
  end(why: Decision): void {
    this.#ended = why;
    for (const held of [...this.#held]) this.#cut(held, why);
  }

  #cut(held: Held, why: Decision): void {
    this.#held.delete(held);
    held.cut(why);
  }
}
