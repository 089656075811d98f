/** A process that a client started: its streams, its end, and the pace at which its output is taken from the guest. */
import {
  type ExitStatus,
  encodeFrames,
  exitStatusSchema,
  type Frame,
  FrameReader,
  GuestFrame,
  GuestGone,
  type GuestStream,
  HostFrame,
  type SpawnParams,
} from "@sandkeep/host";
import type { ConnectionState } from "../connection-state.ts";
import { describeFailure, toErrorObject } from "../errors.ts";
import { EVENT_ARGV_CHARS } from "../limits.ts";
import { openStream, write } from "../streams/guest-io.ts";
import type { InboundStream } from "../streams/inbound-stream.ts";
import type { OutboundStream } from "../streams/outbound-stream.ts";
import type { Run } from "./runs.ts";

/** A client's chunk is passed to the process in pieces of this many bytes: one chunk may be 100 MiB. */
const STDIN_PIECE_BYTES = 256 * 1024;

export interface RunOptions {
  /** The client's stream for standard input; without it the input is empty. */
  stdinStreamId?: number | undefined;
  /** What the program writes on its reporting pipe (`channel`). */
  onChannel?: (bytes: Buffer) => void;
  /** What the program writes on its socket (`socket`). */
  onSocket?: (bytes: Buffer) => void;
}

export class ProcessRun implements Run {
  readonly pid: number;
  readonly stdout: OutboundStream | null;
  readonly stderr: OutboundStream | null;
  /** The exit status from the process's stream; rejects if that stream ends first (then ask the guest). */
  readonly exited: Promise<ExitStatus>;
  /** Resolves when the process's streams have ended. */
  readonly over: Promise<void>;
  readonly #state: ConnectionState;
  readonly #stream: GuestStream<{ pid: number }>;
  readonly #options: RunOptions;
  readonly #exit = Promise.withResolvers<ExitStatus>();
  readonly #gate = Promise.withResolvers<void>();
  readonly #gateTimer: NodeJS.Timeout;
  readonly #stdin: InboundStream | null;
  #ended = false;

  private constructor(
    state: ConnectionState,
    params: SpawnParams,
    options: RunOptions,
    stream: GuestStream<{ pid: number }>,
    pid: number,
    stdin: InboundStream | null,
  ) {
    this.#state = state;
    this.#options = options;
    this.#stream = stream;
    this.#stdin = stdin;
    this.pid = pid;
    this.stdout = params.pty || params.stdout === "piped" ? state.outbound.open() : null;
    this.stderr = params.stderr === "piped" ? state.outbound.open() : null;
    this.exited = this.#exit.promise;
    this.exited.catch(() => {});
    this.stdout?.onCancel(() => this.#closeOutput("stdout"));
    this.stderr?.onCancel(() => this.#closeOutput("stderr"));
    this.#gateTimer = setTimeout(() => this.openGate(), state.limits.outputGateMs).unref();
    if (stdin) void this.#feed(stdin);
    this.over = this.#pump();
  }

  /**
   * Starts a process. Its output is not taken from the guest until {@link openGate}, or a moment has passed (wire-protocol
   * §6.1 rule 2): the Python client loses what comes before it asked for the exit.
   *
   * @throws {GuestError} when it cannot be started
   */
  static async start(state: ConnectionState, params: SpawnParams, options: RunOptions = {}): Promise<ProcessRun> {
    const { stdinStreamId } = options;
    const stdin = stdinStreamId === undefined ? null : state.inbound.claim(stdinStreamId);
    const startedAt = performance.now();
    const report = commandReport(state, params, startedAt);
    let stream;
    let pid;
    try {
      stream = openStream(state.guest, "spawn", { ...params, stdin: stdin ? "piped" : "null" });
      pid = (await stream.head).pid;
    } catch (error) {
      stdin?.cancel(toErrorObject(error));
      report(null, null, error);
      throw error;
    }
    const run = new ProcessRun(state, params, options, stream, pid, stdin);
    state.runs.add(run);
    const release = state.onClose(() => run.openGate());
    if (state.signal.aborted) run.#forsake();
    void run.over.finally(() => {
      release();
      state.runs.delete(run);
    });
    // Whatever happened to the stream, the guest knows how the process ended.
    run.exited
      .catch(() => state.guest.call("processWait", { pid }))
      .then(
        (status) => report(pid, status),
        (error: unknown) => report(pid, null, error),
      );
    return run;
  }

  /** Lets output through. */
  openGate(): void {
    clearTimeout(this.#gateTimer);
    this.#gate.resolve();
  }

  /** Sends bytes to the program's socket; no bytes close it. */
  async writeSocket(bytes: Uint8Array): Promise<void> {
    await write(this.#stream, encodeFrames(HostFrame.socket, bytes));
  }

  /**
   * The client no longer reads this output: the process sees a closed pipe, as on any Unix system, and a terminal hangs
   * up. A process that prints nothing keeps running. A server that restarts does not count as a lost client.
   */
  #closeOutput(output: "stdout" | "stderr"): void {
    if (this.#ended || this.#state.sandbox.leaving) return;
    this.#state.guest.call("processCloseOutput", { pid: this.pid, output }).catch(() => {
      // The process or its machine has ended meanwhile.
    });
  }

  /** The client disconnected before the process had started. */
  #forsake(): void {
    this.openGate();
    this.stdout?.cancel();
    this.stderr?.cancel();
  }

  async #feed(stdin: InboundStream): Promise<void> {
    try {
      for await (const chunk of stdin.chunks()) {
        for (let from = 0; from < chunk.length; from += STDIN_PIECE_BYTES) {
          await write(this.#stream, encodeFrames(HostFrame.stdin, chunk.subarray(from, from + STDIN_PIECE_BYTES)));
        }
      }
    } catch {
      // The client's stream failed, or the process is gone: either way the input ends here.
    }
    if (!this.#stream.destroyed && !this.#state.sandbox.leaving)
      await write(this.#stream, encodeFrames(HostFrame.stdin, new Uint8Array())).catch(() => {});
  }

  async #pump(): Promise<void> {
    await this.#gate.promise;
    this.stdout?.start();
    this.stderr?.start();
    try {
      const reader = new FrameReader();
      for await (const piece of this.#stream as AsyncIterable<Buffer>) {
        for (const frame of this.#checked(reader, piece)) {
          this.#take(frame);
          if (this.#state.outbox.congested) await this.#state.outbox.drained();
        }
      }
      this.stdout?.end();
      this.stderr?.end();
      this.#exit.reject(new GuestGone("The process's stream ended without an exit status."));
    } catch (error) {
      this.stdout?.fail(toErrorObject(error));
      this.stderr?.fail(toErrorObject(error));
      this.#exit.reject(error);
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#ended = true;
    this.#stdin?.discard();
  }

  *#checked(reader: FrameReader, piece: Buffer): Generator<Frame> {
    try {
      yield* reader.push(piece);
    } catch (error) {
      this.#state.sandbox.violation(`process ${this.pid}: ${String(error)}`);
      throw error;
    }
  }

  #take({ type, payload }: Frame): void {
    // Output can reveal that the process wrote a file.
    this.#state.sandbox.touch();
    switch (type) {
      case GuestFrame.stdout:
      case GuestFrame.stderr: {
        const output = type === GuestFrame.stdout ? this.stdout : this.stderr;
        if (!payload.length) return output?.end();
        return output?.enqueue(payload);
      }
      case GuestFrame.channel:
        return this.#options.onChannel?.(payload);
      case GuestFrame.socket:
        return this.#options.onSocket?.(payload);
      case GuestFrame.exit:
        return this.#takeExit(payload);
      default:
        throw this.#violation(`unknown frame type ${type}`);
    }
  }

  #takeExit(payload: Buffer): void {
    try {
      this.#exit.resolve(exitStatusSchema.parse(JSON.parse(payload.toString("utf8"))));
    } catch (error) {
      throw this.#violation(`exit: ${String(error)}`);
    }
    this.#end();
  }

  #violation(detail: string): GuestGone {
    this.#state.sandbox.violation(`process ${this.pid}: ${detail}`);
    return new GuestGone("The guest broke its contract.");
  }
}

/** Reports a command as an event when it has ended or could not start. */
function commandReport(state: ConnectionState, params: SpawnParams, startedAt: number) {
  const argv = clipped([params.command, ...(params.args ?? [])]);
  const cwd = params.cwd ?? null;
  return (pid: number | null, status: ExitStatus | null, error?: unknown) => {
    const described = error === undefined ? null : describeFailure(error);
    state.emit({
      kind: "command",
      outcome: status?.success ? "ok" : "failed",
      data: {
        argv,
        cwd,
        pid,
        exitCode: status?.code ?? null,
        signal: status?.signal ?? null,
        oom: Boolean(status?.oom),
        durationMs: Math.round(performance.now() - startedAt),
        ...(described && { error: "error" in described ? described.error.message : described.failure.message }),
      },
    });
  };
}

/** A command line may have megabytes; an event keeps the beginning. */
function clipped(argv: string[]): string[] {
  const kept: string[] = [];
  let left = EVENT_ARGV_CHARS;
  for (const argument of argv) {
    if (left <= 0) return [...kept, "…"];
    kept.push(argument.length > left ? `${argument.slice(0, left)}…` : argument);
    left -= argument.length;
  }
  return kept;
}
