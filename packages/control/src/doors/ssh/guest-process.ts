import { Writable } from "node:stream";
import type { SshExit, SshOutput, SshProcess, SshProgram, SshSpawnParams } from "@sandkeep/doors";
import {
  encodeFrames,
  exitStatusSchema,
  FrameReader,
  type Guest,
  GuestFrame,
  GuestGone,
  type GuestStream,
  HostFrame,
} from "@sandkeep/host";

/** The login shell of the user `app`. */
const SHELL = "/bin/bash";
const SFTP_SERVER = "/usr/lib/openssh/sftp-server";

/** How long the agent may take to do something to a process, in milliseconds. A hostile one never answers. */
const AGENT_MS = 15_000;

/** A process in a sandbox that a client of the SSH door has started. */
export class GuestProcess implements SshProcess {
  readonly pid: number;
  readonly stdin: Writable;
  readonly output: AsyncIterable<SshOutput>;
  readonly exited: Promise<SshExit>;
  readonly #guest: Guest;
  readonly #stream: GuestStream<{ pid: number }>;
  readonly #exit = Promise.withResolvers<SshExit>();
  #abandoned = false;

  private constructor(guest: Guest, stream: GuestStream<{ pid: number }>, pid: number) {
    this.pid = pid;
    this.#guest = guest;
    this.#stream = stream;
    this.stdin = input(stream);
    this.output = this.#frames();
    // Whatever happens to its stream, the guest knows how it ended, or will soon.
    this.exited = this.#exit.promise.catch(() => guest.call("processWait", { pid }, inTime()));
    this.exited.catch(() => {});
  }

  /**
   * @param signal aborted when nobody wants the process any more
   * @throws {GuestError} when it cannot be started
   */
  static async start(guest: Guest, { program, env, pty }: SshSpawnParams, signal: AbortSignal): Promise<GuestProcess> {
    const [command, ...args] = argv(program);
    const stream = guest.stream("spawn", {
      command,
      args,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      // Also when this server is killed, or nobody waits for the head any more.
      hangUp: true,
      ...(pty && { pty }),
    });
    stream.on("error", () => {});
    const giveUp = () => void stream.destroy();
    signal.addEventListener("abort", giveUp);
    if (signal.aborted) giveUp();
    try {
      const { pid } = await stream.head;
      return new GuestProcess(guest, stream, pid);
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  async resize(cols: number, rows: number): Promise<void> {
    await attempt(this.#guest.call("processResize", { pid: this.pid, cols, rows }, inTime()));
  }

  async signal(signal: string): Promise<void> {
    await attempt(this.#guest.call("processKill", { pid: this.pid, signal }, inTime()));
  }

  async abandon(): Promise<void> {
    const { pid } = this;
    this.#abandoned = true;
    this.stdin.end();
    const signal = inTime();
    const outputs = ["stdout", "stderr"] as const;
    await Promise.all(
      outputs.map((output) => attempt(this.#guest.call("processCloseOutput", { pid, output }, signal))),
    );
    this.#stream.destroy();
  }

  async *#frames(): AsyncGenerator<SshOutput> {
    const reader = new FrameReader();
    try {
      for await (const piece of this.#stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)
        yield* this.#decode(reader, piece);
    } catch (error) {
      // Its stream was closed because nobody wants its output.
      if (!this.#abandoned) throw error;
    } finally {
      this.#exit.reject(new GuestGone("The process's stream ended without an exit status."));
    }
  }

  /** What a piece of the stream has printed. How the process ended is in one, too. */
  #decode(reader: FrameReader, piece: Buffer): SshOutput[] {
    const printed: SshOutput[] = [];
    try {
      for (const { type, payload } of reader.push(piece)) {
        if (type === GuestFrame.exit) this.#exit.resolve(exitStatusSchema.parse(JSON.parse(payload.toString("utf8"))));
        else if (type !== GuestFrame.stdout && type !== GuestFrame.stderr) throw new RangeError(`frame type ${type}`);
        else if (payload.length > 0)
          printed.push({ to: type === GuestFrame.stdout ? "stdout" : "stderr", bytes: payload });
      }
    } catch (error) {
      this.#guest.violation(`process ${this.pid}: ${String(error)}`);
      throw new GuestGone("The guest broke its contract.");
    }
    return printed;
  }
}

const inTime = () => AbortSignal.timeout(AGENT_MS);

/** Does something to a process that may have ended meanwhile, or its machine. */
async function attempt(doing: Promise<unknown>): Promise<void> {
  await doing.catch(() => {});
}

function argv(program: SshProgram): [string, ...string[]] {
  switch (program.kind) {
    case "shell":
      return [SHELL, "-l"];
    case "exec":
      return [SHELL, "-c", program.command];
    case "sftp":
      return [SFTP_SERVER];
  }
}

/** Standard input: frames on the process's stream. A slow process slows the writer down. */
function input(stream: GuestStream<unknown>): Writable {
  const send = (bytes: Uint8Array, done: (error?: Error | null) => void) => {
    if (stream.destroyed) return done(new GuestGone("The process is gone."));
    stream.write(encodeFrames(HostFrame.stdin, bytes), done);
  };
  const writable = new Writable({
    write: (chunk: Buffer, _encoding, done) => send(chunk, done),
    final: (done) => (stream.destroyed ? done() : send(new Uint8Array(), done)),
  });
  writable.on("error", () => {});
  stream.once("close", () => writable.destroy());
  return writable;
}
