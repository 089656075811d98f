/** ^C and similar signals stop the copying cleanly, so that no partial copy stays. A second one ends the process at once. */
export class Interruption implements Disposable {
  received: NodeJS.Signals | undefined;
  readonly #controller = new AbortController();
  readonly #interrupt = (signal: NodeJS.Signals) => {
    this.received = signal;
    this.#controller.abort();
  };

  constructor() {
    process.once("SIGINT", this.#interrupt).once("SIGTERM", this.#interrupt);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The result of some work, unless it is interrupted. For work that accepts no signal and leaves nothing behind. */
  async or<T>(work: Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = () => reject(this.signal.reason);
    this.signal.addEventListener("abort", stop, { once: true });
    work.catch(() => {});
    try {
      return await Promise.race([work, promise]);
    } finally {
      this.signal.removeEventListener("abort", stop);
    }
  }

  [Symbol.dispose](): void {
    process.off("SIGINT", this.#interrupt).off("SIGTERM", this.#interrupt);
  }
}
