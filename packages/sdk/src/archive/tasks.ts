/** Files up to this size are held in memory as a whole, and read or written concurrently, in bytes. */
export const SMALL_BYTES: number = 128 * 1024;
/** How many small files are read or written at a time: enough to overlap their system calls. */
export const CONCURRENCY = 8;

/** Runs a bounded number of tasks concurrently. The first failure is thrown at the next call. */
export class Tasks {
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  /**
   * Starts a task as soon as there is room for it. The promise in the result resolves when the task has ended, in whatever
   * way.
   */
  async begin(task: () => Promise<void>): Promise<{ over: Promise<void> }> {
    while (this.#running.size >= CONCURRENCY) await Promise.race(this.#running);
    this.#check();
    return { over: this.#track(task()) };
  }

  /** Resolves when all tasks have ended. */
  async all(): Promise<void> {
    await this.settle();
    this.#check();
  }

  /** The same, but ignores failures. */
  async settle(): Promise<void> {
    while (this.#running.size) await Promise.all(this.#running);
  }

  #track(task: Promise<void>): Promise<void> {
    const running = task
      .catch((error: unknown) => void (this.#failure ??= { error }))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
