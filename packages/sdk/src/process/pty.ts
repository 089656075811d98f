import { PRIVATE } from "../private.ts";
import type { Connection } from "../transport/connection.ts";
import { toPath } from "../transport/path.ts";
import type { ProcessParts } from "./child-process.ts";
import { ChildProcess, killOnAbort } from "./child-process.ts";
import { openStdin } from "./stdio.ts";

/** Default size of a terminal, in characters. */
const DEFAULT_COLS = 80;
const DEFAULT_ROWS = 24;

/** How {@linkcode Sandbox.pty} starts a process on a terminal. */
export interface PtyOptions {
  /** Arguments of the command. */
  args?: string[] | undefined;
  /** Directory to start in; `/home/app` by default. */
  cwd?: string | URL | undefined;
  /** Variables added to its environment. */
  env?: Record<string, string> | undefined;
  /** Start with an empty environment instead of the sandbox's. */
  clearEnv?: boolean | undefined;
  /** Width of the terminal, in characters; 80 by default. */
  cols?: number | undefined;
  /** Height of the terminal, in lines; 24 by default. */
  rows?: number | undefined;
  /** Type of the terminal, for `TERM`; `xterm-256color` by default. */
  term?: string | undefined;
  /** Sends it `SIGTERM` when aborted. */
  signal?: AbortSignal | undefined;
}

/**
 * A process on its own terminal. Everything it prints comes through `stdout`; `stderr` is null. Write to `stdin` what
 * somebody would type: `"\x03"` is Ctrl+C.
 *
 * @example
 * ```ts
 * import { Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * const pty = await sandbox.pty("bash", { args: ["-c", "stty size; tty >/dev/null && echo on a terminal"], cols: 100, rows: 30 });
 * const { stdoutText } = await pty.output();
 * assert.equal(stdoutText, "30 100\r\non a terminal\r\n");
 * ```
 */
export class PtyProcess extends ChildProcess {
  readonly #connection: Connection;

  /** @internal */
  constructor(key: symbol, parts: ProcessParts) {
    super(key, parts);
    this.#connection = parts.connection;
  }

  /** Sets the size of the terminal, in characters and lines. The process gets `SIGWINCH`. */
  async resize(cols: number, rows: number): Promise<void> {
    await this.#connection.call("sandkeep.ptyResize", { pid: this.pid, cols, rows });
  }
}

/** Starts a command on a terminal. */
export async function spawnPty(
  connection: Connection,
  command: string | URL,
  options: PtyOptions,
): Promise<PtyProcess> {
  const { args, cwd, env, clearEnv, cols = DEFAULT_COLS, rows = DEFAULT_ROWS, term, signal } = options;
  const { stdin, stdinStreamId } = openStdin(connection);
  const { pid, stdoutStreamId } = await connection.call("sandkeep.spawnPty", {
    command: toPath(command),
    args,
    cwd: cwd === undefined ? undefined : toPath(cwd),
    env,
    clearEnv,
    cols,
    rows,
    term,
    stdinStreamId,
  });
  const stdout = connection.receive(stdoutStreamId);
  const pty = new PtyProcess(PRIVATE, { connection, pid, stdin, stdinStreamId, stdout, stderr: null, printed: [] });
  killOnAbort(pty, signal);
  return pty;
}
