import { requirePrivate } from "../private.ts";
import type { Bytes } from "../transport/bytes.ts";
import type { Connection } from "../transport/connection.ts";
import type { Signal } from "./signal.ts";
import type { ChildProcessOutput, ChildProcessStatus } from "./status.ts";
import { toStatus } from "./status.ts";

/** @internal The parts of a process object. */
export interface ProcessParts {
  connection: Connection;
  pid: number;
  stdin: WritableStream<Bytes> | null;
  stdinStreamId: number | undefined;
  stdout: ReadableStream<Bytes> | null;
  stderr: ReadableStream<Bytes> | null;
  /** Outputs that are printed here; each resolves at its end. */
  printed: Promise<void>[];
}

/**
 * A process in a sandbox. It ends by itself, with `kill()`, when its object is disposed of, or with its sandbox; not when
 * its object is garbage-collected.
 *
 * @example Talk to a process
 * ```ts
 * import { Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * const child = await sandbox.spawn("tr", { args: ["a-z", "A-Z"], stdin: "piped", stdout: "piped" });
 * const writer = child.stdin!.getWriter();
 * await writer.write(new TextEncoder().encode("hello"));
 * await writer.close();
 * const { stdoutText } = await child.output();
 * assert.equal(stdoutText, "HELLO");
 * ```
 */
export class ChildProcess extends EventTarget implements AsyncDisposable {
  readonly #parts: ProcessParts;
  readonly #status: Promise<ChildProcessStatus>;

  /** @internal */
  constructor(key: symbol, parts: ProcessParts) {
    requirePrivate(key, "ChildProcess", "sandbox.spawn()");
    super();
    this.#parts = parts;
    // Requested at once: the server holds output back until then, so that nothing is lost before there is a reader.
    this.#status = parts.connection.call("processWait", { pid: parts.pid }).then(toStatus);
    const { connection, stdinStreamId } = parts;
    this.#status.then(
      () => stdinStreamId !== undefined && connection.releaseStream(stdinStreamId),
      () => {},
    );
  }

  /** Its id in the sandbox. */
  get pid(): number {
    return this.#parts.pid;
  }

  /**
   * Its standard input; null unless `stdin` is `"piped"`. Close it to end the input. What is written after the process has
   * ended is discarded.
   */
  get stdin(): WritableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#parts.stdin;
  }

  /** Its standard output; null unless `stdout` is `"piped"`. */
  get stdout(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#parts.stdout;
  }

  /** Its standard error; null unless `stderr` is `"piped"`. */
  get stderr(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    return this.#parts.stderr;
  }

  /** Resolves when it has ended. Rejects with `ConnectionClosedError` if the connection ended first. */
  get status(): Promise<ChildProcessStatus> {
    return this.#status;
  }

  /**
   * Sends a signal to it and to the processes it started: `SIGTERM` by default. Resolves when the signal has been sent; to
   * wait for the end, use {@linkcode status}. Does nothing if it has ended already.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const child = await sandbox.spawn("sleep", { args: ["60"] });
   * await child.kill("SIGKILL");
   * assert.equal((await child.status).signal, "SIGKILL");
   * ```
   */
  async kill(signal?: Signal): Promise<void> {
    await ignoreEnded(this.#parts.connection.call("processKill", { pid: this.pid, signal }));
  }

  /**
   * Waits until it and its outputs have ended. Resolves to everything it printed. An output that has been read elsewhere is
   * null.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const child = await sandbox.spawn("echo", { args: ["hello"], stdout: "piped" });
   * const { status, stdoutText } = await child.output();
   * assert.ok(status.success);
   * assert.equal(stdoutText, "hello\n");
   * ```
   */
  async output(): Promise<ChildProcessOutput> {
    const [status, stdout, stderr] = await Promise.all([
      this.status,
      collect(this.stdout),
      collect(this.stderr),
      ...this.#parts.printed,
    ]);
    return {
      status,
      stdout,
      stderr,
      get stdoutText() {
        return decode(stdout);
      },
      get stderrText() {
        return decode(stderr);
      },
    };
  }

  /** Kills it and waits until it has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.status;
  }
}

/** Ignores the refusal to signal a process that has ended. */
export async function ignoreEnded(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT") throw error;
  }
}

/** Kills a process when a signal is aborted, or has been aborted already. Stops listening when the process ends. */
export function killOnAbort(child: ChildProcess, signal: AbortSignal | undefined): void {
  if (!signal) return;
  const kill = () => void child.kill().catch(() => {});
  if (signal.aborted) return kill();
  signal.addEventListener("abort", kill, { once: true });
  const stop = () => signal.removeEventListener("abort", kill);
  child.status.then(stop, stop);
}

async function collect(stream: ReadableStream<Bytes> | null): Promise<Bytes | null> {
  if (!stream || stream.locked) return null;
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    return null;
  }
}

function decode(bytes: Bytes | null): string | null {
  return bytes && new TextDecoder().decode(bytes);
}
