import type { ChildProcess, ChildProcessStatus, Sandbox } from "sandkeep";
import { fromSdkError } from "../client/sdk-error.ts";
import { CliError, ExitCode } from "../errors.ts";
import type { Streams } from "../output/terminal.ts";
import { fromOwnName } from "../own-error.ts";
import { carryOutputs } from "./outputs.ts";
import { feedStdin } from "./streams.ts";

/** Signals that are forwarded to the command. */
const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const;
/** After this many ^C the user wants to leave, whatever the command does; as in docker. */
const IMPATIENT_INTERRUPTS = 3;

export interface CommandSpec {
  command: string;
  args: string[];
  cwd?: string | undefined;
  env?: Record<string, string> | undefined;
  /** Do not read standard input. */
  noStdin?: boolean | undefined;
}

/** How a command ended. */
export interface CommandEnd {
  /** Exit code; 128 + n when signal n ended it. */
  code: number;
  signal: string | null;
  oom: boolean;
  /** The sandbox's memory in MiB, if the command ran out of it. */
  memoryMiB?: number;
}

/** How a command's process ended. */
export function toEnd({ code, signal, oom, memoryMiB }: ChildProcessStatus): CommandEnd {
  return { code, signal, oom: Boolean(oom), ...(memoryMiB !== undefined && { memoryMiB }) };
}

/**
 * Runs a command in a sandbox with these standard streams, and forwards signals to it.
 * @throws {CliError} COMMAND_NOT_FOUND, CANNOT_EXECUTE, NO_WORKING_DIRECTORY, and errors of the connection
 */
export async function runCommand(
  sandbox: Sandbox,
  { command, args, cwd, env, noStdin }: CommandSpec,
  { stdin, stdout, stderr }: Streams,
): Promise<CommandEnd> {
  const child = await sandbox
    .spawn(command, {
      args,
      ...(cwd && { cwd }),
      ...(env && { env }),
      stdin: noStdin ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    })
    .catch((error: unknown) => {
      throw cannotStart(command, error);
    });
  using _signals = passSignalsOn(child);
  using _input = noStdin ? undefined : feedStdin(stdin, child.stdin!);
  const status = await carryOutputs(child, [
    [child.stdout!, stdout],
    [child.stderr!, stderr],
  ]);
  return toEnd(status);
}

/** Why a command did not start, in the terms of a shell. */
export function cannotStart(command: string, error: unknown): unknown {
  const { code, message = "" } = error as { code?: string; message?: string };
  if (/: (No such cwd|cwd is not a directory) /.test(message)) {
    return new CliError("NO_WORKING_DIRECTORY", message, {
      hint: "make the directory in the sandbox, or name another with --cwd",
      exitCode: ExitCode.commandNotFound,
      cause: error,
    });
  }
  if (code === "ENOENT") {
    return new CliError("COMMAND_NOT_FOUND", `there is no command "${command}" in the sandbox`, {
      hint: "check the name; shell syntax needs a shell: sandkeep run -- bash -c '…'",
      exitCode: ExitCode.commandNotFound,
      cause: error,
    });
  }
  if (code === "EACCES" || code === "ENOEXEC" || code === "EISDIR" || code === "ENOTDIR") {
    return new CliError("CANNOT_EXECUTE", `"${command}" cannot be executed: ${(error as Error).message}`, {
      hint: "check that it is a program and that its permissions allow executing it",
      exitCode: ExitCode.cannotExecute,
      cause: error,
    });
  }
  return error;
}

/** Forwards signals to a process until disposed. */
export function passSignalsOn(child: ChildProcess): Disposable {
  let interrupts = 0;
  const pass = (signal: (typeof PASSED_ON)[number]) => {
    if (signal === "SIGINT" && ++interrupts >= IMPATIENT_INTERRUPTS) process.exit(128 + 2);
    // The process or the connection may have ended meanwhile, which ends the command anyway.
    child.kill(signal).catch(() => {});
  };
  for (const signal of PASSED_ON) process.on(signal, pass);
  return {
    [Symbol.dispose]: () => {
      for (const signal of PASSED_ON) process.off(signal, pass);
    },
  };
}

/** Gives Sandkeep's own failures in `run`, `exec` and `shell` an exit code that cannot be mistaken for a command's. */
export async function withOwnFailures<T>(
  work: () => Promise<T>,
  { timedOut = () => false }: { timedOut?: () => boolean } = {},
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const known = error instanceof CliError ? error : (fromSdkError(error) ?? fromOwnName(error));
    if (!known) throw error;
    if (known.code === "SANDBOX_GONE" && timedOut()) {
      throw new CliError("TIMED_OUT", "the sandbox's time was up before the command ended", {
        hint: "give it more time with --timeout",
        exitCode: ExitCode.timedOut,
        cause: error,
      });
    }
    const own =
      known.exitCode === ExitCode.commandNotFound ||
      known.exitCode === ExitCode.cannotExecute ||
      known.exitCode === ExitCode.usage;
    throw own
      ? known
      : new CliError(known.code, known.message, {
          ...(known.hint && { hint: known.hint }),
          exitCode: ExitCode.ownFailure,
          cause: error,
        });
  }
}
