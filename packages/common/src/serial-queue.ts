/** Runs tasks one after the other, in the order in which they were given. A task that fails does not keep the next one from running. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs a task when those before it have settled. Settles as the task does. */
  run<Result>(task: () => Promise<Result> | Result): Promise<Result> {
    const result = this.#last.then(task);
    // The failure is for whoever gave the task.
    this.#last = result.catch(() => {});
    return result;
  }
}
