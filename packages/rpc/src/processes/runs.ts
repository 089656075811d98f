import type { ExitStatus } from "@sandkeep/host";

/** A process that a client started, as later calls need it. */
export interface Run {
  readonly pid: number;
  /** Its exit; rejects when the guest has to be asked. */
  readonly exited: Promise<ExitStatus>;
  /** Lets output through. */
  openGate(): void;
}

/** The processes that one client started and whose output it still gets, by process id. */
export class Runs {
  readonly #runs = new Map<number, Run>();

  add(run: Run): void {
    this.#runs.set(run.pid, run);
  }

  get(pid: number): Run | undefined {
    return this.#runs.get(pid);
  }

  /** The kernel may have given the number to another process meanwhile. */
  delete(run: Run): void {
    if (this.#runs.get(run.pid) === run) this.#runs.delete(run.pid);
  }
}
