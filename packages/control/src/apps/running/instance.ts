import type { DoorStream } from "@sandkeep/doors";
import type { ExitStatus } from "@sandkeep/host";
import { HostedProgram, type HostedProgramOptions } from "@sandkeep/rpc";
import type { Sandbox } from "../../sandboxes/sandbox.ts";
import { Lines } from "./lines.ts";

export interface ProgramSpec {
  path: string;
  entrypoint: string;
  args: readonly string[];
}

/** What an instance prints. */
export interface OutputSink {
  line(level: "info" | "error", text: string): void;
  /** Resolves when more may be read, after so many bytes. */
  room(bytes: number): Promise<void>;
}

/** A machine in which a revision's server runs. */
export class Instance {
  readonly sandbox: Sandbox;
  /** Resolves when its server or its machine has ended: with how the server did, or null if the machine was first. */
  readonly ended: Promise<ExitStatus | null>;
  readonly startedAt = performance.now();
  readonly #program: HostedProgram;
  #over = false;

  private constructor(sandbox: Sandbox, program: HostedProgram, ended: Promise<ExitStatus | null>) {
    this.sandbox = sandbox;
    this.#program = program;
    this.ended = Promise.race([ended, sandbox.ended.then(() => null)]);
    void this.ended.then(() => (this.#over = true));
  }

  /** Starts a revision's server in a machine. @throws {GuestError} @throws {GuestGone} @throws the signal's reason */
  static async start(
    sandbox: Sandbox,
    { path, entrypoint, args }: ProgramSpec,
    sink: OutputSink,
    signal: AbortSignal,
  ): Promise<Instance> {
    const outputs = { stdout: new Lines(), stderr: new Lines() };
    const levels = { stdout: "info", stderr: "error" } as const;
    const options: HostedProgramOptions = {
      entrypoint,
      args,
      cwd: path,
      async onOutput(output, bytes) {
        for (const line of outputs[output].push(bytes)) sink.line(levels[output], line);
        await sink.room(bytes.length);
      },
    };
    const program = await HostedProgram.start(sandbox.state, options, signal);
    const ended = program.exited.then((status) => {
      for (const output of ["stdout", "stderr"] as const) {
        const rest = outputs[output].end();
        if (rest !== null) sink.line(levels[output], rest);
      }
      return status;
    });
    return new Instance(sandbox, program, ended);
  }

  /** Whether its server or its machine has ended, or is about to. */
  get isOver(): boolean {
    return this.#over || this.sandbox.isEnding;
  }

  /** True once it serves HTTP; false if it ends before. */
  listening(signal: AbortSignal): Promise<boolean> {
    return this.#program.listening(signal);
  }

  /** A new connection to its server. @throws {ApiError} */
  dial(): Promise<DoorStream> {
    return this.sandbox.doors.dial({ port: this.#program.port, pid: null });
  }
}
