import { abandon } from "../abandon.ts";
import type { SshExit, SshProcess, SshProgram, SshTerminal } from "../contract.ts";
import { MAX_SIGNALS } from "../limits.ts";
import type { ChannelContext } from "./context.ts";
import type { Environment } from "./environment.ts";
import type { Outlet } from "./outlet.ts";
import { runProcess, signalOf } from "./run-process.ts";

/** Exit code if the program cannot be started, as in a shell. */
const NOT_STARTED = 127;

interface Size {
  cols: number;
  rows: number;
}

/** A program, from when the client asks for it. */
export class Running {
  /** Resolves when it has ended, could not be started, or has been left to itself. */
  readonly over: Promise<void>;
  readonly #outlet: Outlet;
  readonly #context: ChannelContext;
  #process: SshProcess | null = null;
  /** The size that the process is still to get: only the last one counts. */
  #size: Size | null = null;
  #resizing = false;
  /** Signals that came before the process. */
  readonly #early: string[] = [];
  /** Signals that are on their way. */
  #signals = 0;

  constructor(
    outlet: Outlet,
    program: SshProgram,
    pty: SshTerminal | undefined,
    environment: Environment,
    context: ChannelContext,
  ) {
    this.#outlet = outlet;
    this.#context = context;
    this.over = this.#run(program, pty, environment);
  }

  resize(cols: number, rows: number): void {
    this.#size = { cols, rows };
    void this.#applySize();
  }

  /** One after the other: a client may send thousands a second, and each is a question to the sandbox. */
  async #applySize(): Promise<void> {
    if (this.#resizing || !this.#process) return;
    this.#resizing = true;
    while (this.#size) {
      const { cols, rows } = this.#size;
      this.#size = null;
      await this.#process.resize(cols, rows);
    }
    this.#resizing = false;
  }

  /** False if there is no such signal, or too many are on their way. */
  signal(name: string): boolean {
    const signal = signalOf(name);
    if (!signal || this.#signals + this.#early.length >= MAX_SIGNALS) return false;
    if (this.#process) void this.#send(this.#process, signal);
    else this.#early.push(signal);
    return true;
  }

  async #send(process: SshProcess, signal: string): Promise<void> {
    this.#signals++;
    await process.signal(signal);
    this.#signals--;
  }

  async #run(program: SshProgram, pty: SshTerminal | undefined, environment: Environment): Promise<void> {
    const startedAt = performance.now();
    let exit: SshExit | null = null;
    let error: string | null = null;
    try {
      const process = await this.#start(program, pty, environment);
      const left = new Promise<SshExit | null>((resolve) =>
        this.#outlet.onClose(() => exit ?? resolve(abandon(process))),
      );
      exit = await Promise.race([runProcess(this.#outlet, process).then((ended) => ended ?? left), left]);
    } catch (cause) {
      error = (cause as Error).message;
      await this.#fail(error);
    }
    this.#context.report({
      action: program.kind,
      command: program.kind === "exec" ? program.command : null,
      terminal: pty !== undefined,
      exit,
      durationMs: Math.round(performance.now() - startedAt),
      error,
    });
  }

  async #start(program: SshProgram, pty: SshTerminal | undefined, environment: Environment): Promise<SshProcess> {
    const gone = new AbortController();
    this.#outlet.onClose(() => gone.abort());
    const process = await this.#context.target.spawn({ program, env: environment.variables, pty }, gone.signal);
    this.#process = process;
    for (const signal of this.#early.splice(0)) void this.#send(process, signal);
    void this.#applySize();
    return process;
  }

  async #fail(message: string): Promise<void> {
    const { channel } = this.#outlet;
    if (!(await this.#outlet.write(Buffer.from(`${message}\r\n`), channel.stderr))) return;
    // How a program has ended is unknown if its sandbox is gone, or paused.
    if (!this.#process) channel.exit(NOT_STARTED);
    this.#outlet.discardInput();
    channel.end();
  }
}
