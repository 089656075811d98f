/** The processes that one client started and whose output it still gets, by process id. */
import type { ProcessRun } from "./process-run.ts";

export class Runs {
  readonly #runs = new Map<number, ProcessRun>();

  add(run: ProcessRun): void {
    this.#runs.set(run.pid, run);
  }

  get(pid: number): ProcessRun | undefined {
    return this.#runs.get(pid);
  }

  /** The kernel may have given the number to another process meanwhile. */
  delete(run: ProcessRun): void {
    if (this.#runs.get(run.pid) === run) this.#runs.delete(run.pid);
  }
}
