/** What all connections of one sandbox share. */
import type { Logger } from "@sandkeep/common";
import type { Guest } from "@sandkeep/host";
import type { DenoProgram } from "./deno/program.ts";
import type { Repl } from "./deno/repl.ts";
import { REMEMBERED_PROCESSES } from "./limits.ts";

export interface SandboxStateOptions {
  log: Logger;
  /** Memory of the sandbox, MiB. */
  memoryMiB: number;
}

/**
 * Deno programs and REPLs, and a count of what happened. Created once for each sandbox, also when it is re-adopted:
 * Deno programs that an earlier server process started are unknown then, although they keep running.
 */
export class SandboxState {
  readonly guest: Guest;
  readonly memoryMiB: number;
  readonly #log: Logger;
  readonly #programs = new Map<number, DenoProgram>();
  readonly #repls = new Map<number, Repl>();
  #epoch = 0;
  #leaving = false;

  constructor(guest: Guest, options: SandboxStateOptions) {
    this.guest = guest;
    this.memoryMiB = options.memoryMiB;
    this.#log = options.log;
  }

  /** Changes whenever something happened that could have changed a file or revealed a change to a client. */
  get epoch(): number {
    return this.#epoch;
  }

  touch(): void {
    this.#epoch++;
  }

  /** The server stops and the machine stays: processes must not notice that their output is not read for a while. */
  leave(): void {
    this.#leaving = true;
  }

  get leaving(): boolean {
    return this.#leaving;
  }

  /** The guest broke its contract: its machine must end. */
  violation(detail: string): void {
    this.#log.warn({ detail }, "guest broke its contract");
    this.guest.violation(detail);
  }

  /** Keeps a Deno program, also for a while after its end: a late `denoHttpWait` is still answered. */
  addProgram(program: DenoProgram): void {
    this.#programs.delete(program.pid);
    this.#programs.set(program.pid, program);
    if (this.#programs.size <= REMEMBERED_PROCESSES) return;
    for (const [pid, { ended }] of this.#programs) {
      if (!ended) continue;
      this.#programs.delete(pid);
      return;
    }
  }

  program(pid: number): DenoProgram | undefined {
    return this.#programs.get(pid);
  }

  addRepl(repl: Repl): void {
    this.#repls.set(repl.pid, repl);
  }

  repl(pid: number): Repl | undefined {
    return this.#repls.get(pid);
  }

  removeRepl(repl: Repl): void {
    if (this.#repls.get(repl.pid) === repl) this.#repls.delete(repl.pid);
  }

  /** Forgets everything; calls that wait for a program or REPL are told that it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const repl of this.#repls.values()) repl.gone();
    for (const program of this.#programs.values()) program.gone();
    this.#repls.clear();
    this.#programs.clear();
  }
}
