/** Runs tasks one after another, in the order given. A failing task does not stop the next one. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs a task after the earlier ones have settled. Settles as the task does. */
  run<Result>(task: () => Promise<Result> | Result): Promise<Result> {
    const result = this.#last.then(task);
    // The caller of that task receives its error.
    this.#last = result.catch(() => {});
    return result;
  }
}
