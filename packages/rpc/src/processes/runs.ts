import type { ExitStatus } from "@sandkeep/host";

/** What later calls need of a process that a client started. */
export interface Run {
  readonly pid: number;
  /** Its exit status; rejects if the guest must be asked. */
  readonly exited: Promise<ExitStatus>;
  /** Lets output through. */
  openGate(): void;
}

/** The processes that one client started and whose output it still receives, by process id. */
export class Runs {
  readonly #runs = new Map<number, Run>();

  add(run: Run): void {
    this.#runs.set(run.pid, run);
  }

  get(pid: number): Run | undefined {
    return this.#runs.get(pid);
  }

  /** The kernel may have reused the id for another process meanwhile. */
  delete(run: Run): void {
    if (this.#runs.get(run.pid) === run) this.#runs.delete(run.pid);
  }
}
