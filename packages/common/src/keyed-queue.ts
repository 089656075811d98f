import { SerialQueue } from "./serial-queue.ts";

/** Runs tasks of the same key one after another. */
export class KeyedQueue {
  readonly #queues = new Map<string, { queue: SerialQueue; waiting: number }>();

  async run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const entry = this.#queues.get(key) ?? { queue: new SerialQueue(), waiting: 0 };
    this.#queues.set(key, entry);
    entry.waiting++;
    try {
      return await entry.queue.run(task);
    } finally {
      if (--entry.waiting === 0) this.#queues.delete(key);
    }
  }
}
