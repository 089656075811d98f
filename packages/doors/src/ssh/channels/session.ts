import type { ServerChannel, Session } from "ssh2";
import type { SshActivity, SshExit, SshProcess, SshProgram, SshTarget, SshTerminal } from "../contract.ts";
import { MAX_COMMAND_CHARS } from "../limits.ts";
import { Environment } from "./environment.ts";
import type { Outlet } from "./outlet.ts";
import { runProcess, signalOf } from "./run-process.ts";
import { size, terminal } from "./terminal.ts";

/** What a channel needs of its connection. */
export interface ChannelContext {
  target: SshTarget;
  /** Makes a channel ready for sending. */
  outlet(channel: ServerChannel): Outlet;
  /** Aborted when the connection is closed. */
  signal: AbortSignal;
  report(activity: SshActivity): void;
}

/** Exit code if the program cannot be started, as in a shell. */
const NOT_STARTED = 127;
/** Signals and sizes that are kept for a process that is being started. */
const MAX_EARLY = 64;

/** A session: first the client describes a process, then it lets it start, and then the channel belongs to the process. */
export function serveSession(session: Session, context: ChannelContext): void {
  const environment = new Environment();
  let pty: SshTerminal | undefined;
  let running: Running | undefined;

  session.on("env", (accept, reject, { key, val }) => (environment.set(key, val) ? accept?.() : reject?.()));
  session.on("pty", (accept, reject, info) => {
    pty = terminal(info);
    if (pty) accept?.();
    else reject?.();
  });
  session.on("window-change", (accept, _reject, info) => {
    const { cols, rows } = size(info);
    if (pty) pty = { ...pty, cols, rows };
    running?.resize(cols, rows);
    accept?.();
  });
  session.on("signal", (accept, reject, { name }) => (running?.signal(name) ? accept?.() : reject?.()));

  const start = (program: SshProgram, accept: () => ServerChannel | undefined) => {
    // At once: `ssh2` drops input that arrives before that.
    const channel = accept();
    if (!channel) return;
    const outlet = context.outlet(channel);
    if (outlet.closed) return;
    // The channel itself closes only when its input has been taken.
    session.once("close", () => outlet.close());
    running = new Running(outlet, program, pty, environment, context);
  };
  session.on("shell", (accept) => start({ kind: "shell" }, accept));
  session.on("exec", (accept, reject, { command }) => {
    if (command.length > MAX_COMMAND_CHARS) reject?.();
    else start({ kind: "exec", command }, accept);
  });
  session.on("subsystem", (accept, reject, { name }) => {
    if (name === "sftp") start({ kind: "sftp" }, accept);
    else reject?.();
  });
}

/** A program, from when the client asks for it. */
class Running {
  readonly #outlet: Outlet;
  readonly #context: ChannelContext;
  #process: SshProcess | null = null;
  /** What is to be done once the process exists. */
  readonly #early: ((process: SshProcess) => void)[] = [];

  constructor(
    outlet: Outlet,
    program: SshProgram,
    pty: SshTerminal | undefined,
    environment: Environment,
    context: ChannelContext,
  ) {
    this.#outlet = outlet;
    this.#context = context;
    void this.#run(program, pty, environment);
  }

  resize(cols: number, rows: number): void {
    this.#tell((process) => process.resize(cols, rows));
  }

  /** False if there is no such signal. */
  signal(name: string): boolean {
    const signal = signalOf(name);
    if (signal) this.#tell((process) => process.signal(signal));
    return signal !== null;
  }

  #tell(what: (process: SshProcess) => void): void {
    if (this.#process) what(this.#process);
    else if (this.#early.length < MAX_EARLY) this.#early.push(what);
  }

  async #run(program: SshProgram, pty: SshTerminal | undefined, environment: Environment): Promise<void> {
    const startedAt = performance.now();
    let exit: SshExit | null = null;
    let error: string | null = null;
    try {
      const process = await this.#context.target.spawn({ program, env: environment.variables, pty });
      this.#process = process;
      for (const what of this.#early) what(process);
      this.#outlet.onClose(() => exit ?? process.abandon());
      exit = (await runProcess(this.#outlet, process)) ?? (await process.exited);
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

  async #fail(message: string): Promise<void> {
    const { channel } = this.#outlet;
    if (!(await this.#outlet.write(Buffer.from(`${message}\r\n`), channel.stderr))) return;
    // How a program has ended is unknown if its sandbox is gone, or paused.
    if (!this.#process) channel.exit(NOT_STARTED);
    this.#outlet.discardInput();
    channel.end();
  }
}
