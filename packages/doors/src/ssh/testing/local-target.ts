import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { constants } from "node:os";
import type { Duplex, Readable, Writable } from "node:stream";
import type {
  SshAddress,
  SshExit,
  SshInbound,
  SshListener,
  SshOutput,
  SshProcess,
  SshProgram,
  SshSocket,
  SshSpawnParams,
  SshTarget,
} from "../contract.ts";
import { TERMINAL } from "./terminal.ts";

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** FOR TESTS ONLY: this computer as the sandbox behind a door. */
export class LocalTarget implements SshTarget {
  readonly processes: LocalProcess[] = [];
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
  }

  async spawn(params: SshSpawnParams, _signal: AbortSignal): Promise<SshProcess> {
    const process = await LocalProcess.start(params, this.#home);
    this.processes.push(process);
    return process;
  }

  async dial(to: SshAddress | SshSocket, signal: AbortSignal): Promise<Duplex> {
    const socket = connect({ ...to, allowHalfOpen: true });
    await once(socket, "connect", { signal });
    return socket;
  }

  async listen(
    port: number,
    take: (connection: SshInbound) => Promise<void>,
    signal: AbortSignal,
  ): Promise<SshListener> {
    const listener = createServer({ allowHalfOpen: true }, (stream) => {
      void take({ stream, origin: { host: stream.remoteAddress!, port: stream.remotePort! } });
    });
    listener.listen({ port, host: "127.0.0.1", signal });
    await once(listener, "listening");
    return { port: (listener.address() as AddressInfo).port, closed: once(listener, "close") };
  }
}

function argv(program: SshProgram): [string, ...string[]] {
  if (program.kind === "shell") return ["bash", "--norc"];
  if (program.kind === "exec") return ["bash", "-c", program.command];
  return ["/usr/lib/openssh/sftp-server"];
}

/** A process of this computer. */
export class LocalProcess implements SshProcess {
  readonly pid: number;
  readonly stdin: Writable;
  readonly output: AsyncIterable<SshOutput>;
  readonly exited: Promise<SshExit>;
  /** Resolves when nobody reads its output any more. */
  readonly abandoned: Promise<void>;
  readonly #child: Child;
  readonly #hasTerminal: boolean;
  readonly #abandon: () => void;

  private constructor(child: Child, hasTerminal: boolean) {
    this.#child = child;
    this.#hasTerminal = hasTerminal;
    this.pid = child.pid!;
    this.stdin = child.stdin;
    this.output = merged(child);
    this.exited = once(child, "exit").then(([code, signal]) => ({
      code: (code as number | null) ?? 128 + constants.signals[signal as NodeJS.Signals],
      signal: signal as NodeJS.Signals | null,
    }));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.abandoned = promise;
    this.#abandon = resolve;
  }

  static async start({ program, env, pty }: SshSpawnParams, home: string): Promise<LocalProcess> {
    const [command, ...args] = argv(program);
    const terminal = pty ? ["python3", TERMINAL, String(pty.cols), String(pty.rows)] : [];
    const [file, ...rest] = [...terminal, command, ...args];
    const child = spawn(file!, rest, {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home, ...(pty && { TERM: pty.term }), ...env },
      stdio: ["pipe", "pipe", "pipe", ...(pty ? ["pipe" as const] : [])],
      detached: true,
    }) as Child;
    for (const stream of [child.stdin, child.stdio[3]]) stream?.on("error", () => {});
    await once(child, "spawn");
    return new LocalProcess(child, pty !== undefined);
  }

  async resize(cols: number, rows: number): Promise<void> {
    if (this.#hasTerminal) (this.#child.stdio[3] as Writable).write(`${cols} ${rows}\n`);
  }

  async signal(signal: string): Promise<void> {
    process.kill(-this.pid, signal);
  }

  async abandon(): Promise<void> {
    this.#abandon();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    // The terminal hangs up when its other end is closed.
    if (this.#hasTerminal) this.#child.kill("SIGKILL");
  }
}

/** Both outputs, piece by piece; each is read on only when its piece has been taken. */
async function* merged(child: Child): AsyncGenerator<SshOutput> {
  const ready: SshOutput[] = [];
  let open = 2;
  let wake = () => {};
  for (const to of ["stdout", "stderr"] as const) {
    child[to].on("data", (bytes: Buffer) => {
      child[to].pause();
      ready.push({ to, bytes });
      wake();
    });
    child[to].once("close", () => {
      open--;
      wake();
    });
  }
  while (open > 0 || ready.length > 0) {
    const next = ready.shift();
    if (next) {
      yield next;
      child[next.to].resume();
    } else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}
