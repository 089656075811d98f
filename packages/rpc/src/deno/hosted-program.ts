import { type ExitStatus, exitStatusSchema, FrameReader, GuestFrame, type GuestStream } from "@sandkeep/host";
import type { SandboxState } from "../sandbox-state.ts";
import { openStream } from "../streams/guest-io.ts";
import { DenoProgram } from "./program.ts";
import { runArgs } from "./run-args.ts";

export interface HostedProgramOptions {
  /** Relative to `cwd`, or absolute. */
  entrypoint: string;
  args: readonly string[];
  cwd: string;
  /** What it prints, as it comes. The program waits while this does. */
  onOutput(output: "stdout" | "stderr", bytes: Buffer): void | Promise<void>;
}

/** A Deno program that the server itself runs in a sandbox, such as an app's server. */
export class HostedProgram {
  /** How it ended; null if its machine did, or the connection to it. Never rejects. */
  readonly exited: Promise<ExitStatus | null>;
  readonly #program: DenoProgram;

  private constructor(state: SandboxState, stream: GuestStream<unknown>, pid: number, options: HostedProgramOptions) {
    this.#program = new DenoProgram(pid);
    this.exited = this.#pump(state, stream, options);
    void this.exited.then(() => this.#program.end());
  }

  /**
   * @param signal gives up starting it
   * @throws {GuestError} if it cannot be started @throws {GuestGone} if the machine has ended @throws the signal's reason
   */
  static async start(state: SandboxState, options: HostedProgramOptions, signal: AbortSignal): Promise<HostedProgram> {
    signal.throwIfAborted();
    const { entrypoint, args, cwd } = options;
    const stream = openStream(state.guest, "spawn", {
      command: "deno",
      args: [...runArgs(entrypoint), ...args],
      cwd,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      channel: true,
    });
    const abort = () => void stream.destroy(new Error("the start was given up"));
    signal.addEventListener("abort", abort, { once: true });
    try {
      // A guest need not answer.
      const { pid } = await stream.head;
      return new HostedProgram(state, stream, pid, options);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Port of its first HTTP server, whatever else it starts later; null before there is one. */
  get port(): number | null {
    return this.#program.firstPort;
  }

  /** True once it serves HTTP at a port; false if it ends before. Rejects when the signal is aborted. */
  listening(signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    return this.#program.listening(signal, { onPort: true });
  }

  async #pump(
    state: SandboxState,
    stream: GuestStream<unknown>,
    { onOutput }: HostedProgramOptions,
  ): Promise<ExitStatus | null> {
    const reader = new FrameReader();
    let status: ExitStatus | null = null;
    try {
      for await (const piece of stream as AsyncIterable<Buffer>) {
        for (const { type, payload } of reader.push(piece)) {
          if (type === GuestFrame.stdout || type === GuestFrame.stderr) {
            if (payload.length > 0) await onOutput(type === GuestFrame.stdout ? "stdout" : "stderr", payload);
          } else if (type === GuestFrame.channel) this.#program.push(payload);
          else if (type === GuestFrame.exit) status = exitStatusSchema.parse(JSON.parse(payload.toString("utf8")));
          else throw new RangeError(`unknown frame type ${type}`);
        }
      }
    } catch (error) {
      // Otherwise the machine is gone.
      if (!stream.errored) state.violation(`hosted program: ${String(error)}`);
      stream.destroy();
    }
    return status;
  }
}
