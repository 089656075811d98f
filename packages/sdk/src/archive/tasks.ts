/** Files up to this size are held as a whole, and read or written beside each other, in bytes. */
export const SMALL_BYTES: number = 128 * 1024;
/** How many small files are read or written at a time: enough to hide the system calls of one behind those of others. */
export const CONCURRENCY = 8;

/** Runs tasks beside each other, a bounded number. The first failure is thrown at the next use. */
export class Tasks {
  readonly #running = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  /** Begins a task, once there is room for it. The promise that it gives resolves when the task is over, however it ended. */
  async begin(task: () => Promise<void>): Promise<{ over: Promise<void> }> {
    while (this.#running.size >= CONCURRENCY) await Promise.race(this.#running);
    this.#check();
    return { over: this.#track(task()) };
  }

  /** Resolves when all are over. */
  async all(): Promise<void> {
    await this.settle();
    this.#check();
  }

  /** The same, without a word about failures. */
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
