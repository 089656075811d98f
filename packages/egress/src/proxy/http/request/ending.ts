import type { Sandbox } from "../../../sandbox/sandbox.ts";
import { Refusal } from "../../refusal.ts";
import type { Permit } from "./permit.ts";

/** Aborts an exchange: when the guest disconnects, when policy no longer allows it, or when it is refused in the middle. */
export class Ending implements Disposable {
  readonly #controller = new AbortController();
  readonly #guest: AbortSignal;
  readonly #release: () => void;
  readonly #gone = () => this.#controller.abort();

  constructor(sandbox: Sandbox, permit: Permit, guest: AbortSignal) {
    this.#guest = guest;
    guest.addEventListener("abort", this.#gone, { once: true });
    if (guest.aborted) this.#gone();
    this.#release = sandbox.hold(
      () => permit.decide(),
      (why) => this.refuse(permit.refusal(why)),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  refuse(refusal: Refusal): void {
    this.#controller.abort(refusal);
  }

  /** The real reason for a failure: a refusal that aborted the exchange, rather than the error that this caused. */
  reasonFor(error: unknown): unknown {
    const { reason } = this.#controller.signal;
    return reason instanceof Refusal ? reason : error;
  }

  [Symbol.dispose](): void {
    this.#release();
    this.#guest.removeEventListener("abort", this.#gone);
  }
}
