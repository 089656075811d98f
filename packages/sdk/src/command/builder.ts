import { Buffer } from "node:buffer";
import { SandboxCommandError } from "../errors/command.ts";
import type { Signal } from "../process/signal.ts";
import type { SandboxCommandChild } from "./child.ts";
import { commandChild } from "./child.ts";
import { KillController, KillSignal } from "./kill-signal.ts";
import type { SandboxCommandResult, ShellPipeKind } from "./result.ts";
import { escapeShellArg, shellCommand } from "./shell-escape.ts";

/** Starts the shell: {@linkcode Sandbox.spawn}. */
interface Shell {
  spawn(
    command: string,
    options: {
      args?: string[];
      stdout?: ShellPipeKind;
      stderr?: ShellPipeKind;
      stdin?: "piped";
      env: Record<string, string>;
      cwd?: string;
    },
  ): Promise<{
    stdin: WritableStream<Uint8Array<ArrayBuffer>> | null;
    output(): Promise<SandboxCommandResult>;
    kill(signal?: Signal): Promise<void>;
  }>;
}

interface Settings {
  noThrow: boolean;
  sudo: boolean;
  cwd: string | undefined;
  env: Record<string, string>;
  stdout: ShellPipeKind;
  stderr: ShellPipeKind;
  signal: KillSignal | undefined;
}

const DEFAULTS: Settings = {
  noThrow: false,
  sudo: false,
  cwd: undefined,
  env: {},
  stdout: "inherit",
  stderr: "inherit",
  signal: undefined,
};

/** Longest argument that Linux accepts, in bytes: MAX_ARG_STRLEN without the NUL at its end. */
const MAX_ARGUMENT_BYTES = 128 * 1024 - 1;
/** A longer command is sent on standard input. The command then finds its end there, as it would with `/dev/null`. */
const FROM_STDIN = 'eval "$(</dev/stdin)"';

/** What the shell reads first, so that commands find what the user's `.bashrc` sets up. */
const SHELL_ENV = { BASH_ENV: "$HOME/.bashrc" };

/**
 * A shell command made by `sandbox.sh` that has not started yet. Every method returns a new builder with one
 * setting changed, so a builder can be kept and used again. The command starts when the builder is awaited, or by
 * {@linkcode text}, {@linkcode json}, {@linkcode result} or {@linkcode spawn}.
 *
 * @example
 * ```ts
 * import { Sandbox } from "sandkeep";
 * import assert from "node:assert/strict";
 *
 * await using sandbox = await Sandbox.create();
 * const name = "it's me";
 * const greeting = await sandbox.sh`echo hello ${name} in $PWD`.cwd("/tmp").text();
 * assert.equal(greeting, "hello it's me in /tmp\n");
 * ```
 */
export class SandboxCommandBuilder {
  readonly #shell: Shell;
  readonly #strings: TemplateStringsArray;
  readonly #substitutions: unknown[];
  readonly #settings: Settings;

  /** @internal */
  constructor(shell: Shell, strings: TemplateStringsArray, substitutions: unknown[], settings: Partial<Settings> = {}) {
    this.#shell = shell;
    this.#strings = strings;
    this.#substitutions = substitutions;
    this.#settings = { ...DEFAULTS, ...settings };
  }

  /**
   * Do not throw when the command fails.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const { status } = await sandbox.sh`exit 3`.noThrow();
   * assert.equal(status.code, 3);
   * ```
   */
  noThrow(value = true): SandboxCommandBuilder {
    return this.#with({ noThrow: value });
  }

  /**
   * Run the whole line as root, including pipes, lists and redirections. The environment stays the same, except for `HOME`,
   * `USER` and `LOGNAME`.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * assert.equal(await sandbox.sh`id -un`.sudo().text(), "root\n");
   * ```
   */
  sudo(enable = true): SandboxCommandBuilder {
    return this.#with({ sudo: enable });
  }

  /** Start in this directory instead of `/home/app`. */
  cwd(path: string): SandboxCommandBuilder {
    return this.#with({ cwd: path });
  }

  /**
   * Add a variable to the command's environment.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * assert.equal(await sandbox.sh`echo $A$B`.env("A", "1").env("B", "2").text(), "12\n");
   * ```
   */
  env(name: string, value: string): SandboxCommandBuilder {
    return this.#with({ env: { ...this.#settings.env, [name]: value } });
  }

  /** What happens to standard output. By default `"inherit"`, which prints it here. */
  stdout(kind: ShellPipeKind): SandboxCommandBuilder {
    return this.#with({ stdout: kind });
  }

  /** What happens to standard error. By default `"inherit"`, which prints it here. */
  stderr(kind: ShellPipeKind): SandboxCommandBuilder {
    return this.#with({ stderr: kind });
  }

  /**
   * Pass the signals of a {@linkcode KillController} to the command, or `SIGTERM` when an `AbortSignal` is aborted. When
   * called several times, each of the signals can end the command.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const { status } = await sandbox.sh`sleep 60`.noThrow().signal(AbortSignal.timeout(200));
   * assert.equal(status.code, 143);
   * ```
   */
  signal(killOrAbortSignal: KillSignal | AbortSignal): SandboxCommandBuilder {
    const signal = toKillSignal(killOrAbortSignal);
    const { signal: earlier } = this.#settings;
    return this.#with({ signal: earlier ? anyOf(earlier, signal) : signal });
  }

  /**
   * Runs the command. Resolves to what it printed to standard output. Rejects with `SandboxCommandError` when it fails.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * assert.equal(await sandbox.sh`echo hello | rev`.text(), "olleh\n");
   * ```
   */
  async text(): Promise<string> {
    const { stdoutText } = await this.stdout("piped").result();
    return stdoutText ?? "";
  }

  /**
   * Runs the command and parses what it printed to standard output as JSON. Rejects with `SandboxCommandError` when it
   * fails, and with `Error` when the output is not JSON.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const { count } = await sandbox.sh`echo '{"count": 42}'`.json<{ count: number }>();
   * assert.equal(count, 42);
   * ```
   */
  async json<T = unknown>(): Promise<T> {
    const text = await this.text();
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw new Error(`The command did not print JSON: ${String(error)}\n${text}`, { cause: error });
    }
  }

  /**
   * Runs the command. Resolves to how it ended, and what it printed to outputs that are `"piped"`. Rejects with
   * `SandboxCommandError` when it fails, unless {@linkcode noThrow} is set. Awaiting the builder does the same.
   *
   * @example
   * ```ts
   * import { Sandbox } from "sandkeep";
   * import assert from "node:assert/strict";
   *
   * await using sandbox = await Sandbox.create();
   * const result = await sandbox.sh`echo out; echo err >&2`.stdout("piped").stderr("piped").result();
   * assert.equal(result.stdoutText, "out\n");
   * assert.equal(result.stderrText, "err\n");
   * assert.ok(result.status.success);
   * ```
   */
  async result(): Promise<SandboxCommandResult> {
    const child = await this.spawn();
    const result = await child.output();
    if (!result.status.success && !this.#settings.noThrow) throw failure(result);
    return result;
  }

  /** Starts the command without waiting for its end; see {@linkcode SandboxCommandChild.output}. */
  async spawn(): Promise<SandboxCommandChild> {
    const { signal, sudo, env, cwd, stdout, stderr } = this.#settings;
    if (signal?.abortedExitCode !== undefined) return commandChild(neverStarted(signal.abortedExitCode), () => {});
    const line = shellCommand(this.#strings, this.#substitutions);
    const started = (script: string) => (sudo ? `exec sudo -- bash -c ${escapeShellArg(script)}` : script);
    const long = Buffer.byteLength(started(line)) > MAX_ARGUMENT_BYTES;
    const starting = this.#shell.spawn("bash", {
      args: ["-c", started(long ? FROM_STDIN : line)],
      env: { ...SHELL_ENV, ...env },
      ...(long && { stdin: "piped" }),
      stdout,
      stderr,
      ...(cwd === undefined ? {} : { cwd }),
    });
    let running: Awaited<typeof starting> | undefined;
    // Listen from now on, not only once it runs: a signal that is sent while it starts must reach it too.
    const passOn = (name: Signal) =>
      void (running?.kill(name) ?? starting.then((child) => child.kill(name))).catch(() => {});
    const stopListening = () => signal?.removeListener(passOn);
    signal?.addListener(passOn);
    try {
      running = await starting;
      if (long) void send(line, running.stdin!);
      return commandChild(running, stopListening);
    } catch (error) {
      stopListening();
      throw error;
    }
  }

  /** Makes the builder awaitable; the same as {@linkcode result}. */
  // biome-ignore lint/suspicious/noThenProperty: a builder is awaited
  then<TResult1 = SandboxCommandResult, TResult2 = never>(
    onfulfilled?: ((value: SandboxCommandResult) => TResult1 | PromiseLike<TResult1>) | null,
    onrejected?: ((reason: unknown) => TResult2 | PromiseLike<TResult2>) | null,
  ): Promise<TResult1 | TResult2> {
    return this.result().then(onfulfilled, onrejected);
  }

  #with(change: Partial<Settings>): SandboxCommandBuilder {
    return new SandboxCommandBuilder(this.#shell, this.#strings, this.#substitutions, { ...this.#settings, ...change });
  }
}

async function send(text: string, stdin: WritableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // The connection ended; whoever waits for the command is told.
  }
}

/** The message omits the command line, which may contain what should not be in a log. */
function failure({ status, stderrText }: SandboxCommandResult): SandboxCommandError {
  const reason = status.oom ? `: ${outOfMemory(status.memoryMiB)}` : "";
  return new SandboxCommandError(
    `The command failed with exit code ${status.code}${reason}${stderrText ? `\n${stderrText}` : ""}`,
    status.code,
  );
}

function outOfMemory(memoryMiB: number | undefined): string {
  const has = memoryMiB === undefined ? "" : `, and the sandbox has ${memoryMiB} MiB`;
  return `it ran out of memory${has}. Create the sandbox with more, such as memory: "2GiB"`;
}

/** A command whose signal was aborted before it started. */
function neverStarted(code: number) {
  const status = { success: false, code, oom: false };
  return {
    output: async () => ({
      status,
      stdout: new Uint8Array(),
      stderr: new Uint8Array(),
      stdoutText: "",
      stderrText: "",
    }),
  };
}

function toKillSignal(signal: KillSignal | AbortSignal): KillSignal {
  if (signal instanceof KillSignal) return signal;
  if (!(signal instanceof AbortSignal))
    throw new TypeError("The signal of a command must be a KillSignal or an AbortSignal");
  const controller = new KillController();
  if (signal.aborted) controller.kill();
  else signal.addEventListener("abort", () => controller.kill(), { once: true });
  return controller.signal;
}

/** A signal that combines two others. */
function anyOf(...signals: KillSignal[]): KillSignal {
  const controller = new KillController();
  for (const signal of signals) {
    if (signal.aborted) controller.kill();
    signal.linkChild(controller.signal);
  }
  return controller.signal;
}
