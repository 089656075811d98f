import type { Sandbox } from "sandkeep";
import { UsageError } from "../errors.ts";
import type { Terminal } from "../output/terminal.ts";
import { reportError } from "../report-error.ts";
import type { Invocation } from "../tree/spec.ts";
import { Collected } from "./collect.ts";
import { type CommandEnd, type CommandSpec, runCommand } from "./command.ts";
import { outOfMemory } from "./out-of-memory.ts";

export interface ForegroundOptions {
  cwd?: string;
  tty?: boolean;
  /** False with `--no-stdin`. */
  stdin?: boolean;
}

/**
 * Runs a command in the foreground: with this process's streams, on its terminal, or collecting its output with `--json`.
 * @returns its exit code
 */
export async function runInForeground(
  sandbox: Sandbox,
  command: Pick<CommandSpec, "command" | "args" | "env">,
  { options, terminal, env }: Pick<Invocation<ForegroundOptions>, "options" | "terminal" | "env">,
): Promise<number> {
  const spec: CommandSpec = { ...command, cwd: options.cwd, noStdin: options.stdin === false };
  if (options.tty) {
    const { runOnTerminal } = await import("./terminal-session.ts");
    return tellEnd(await runOnTerminal(sandbox, spec, terminal.streams, env.TERM), terminal);
  }
  if (!terminal.json) return tellEnd(await runCommand(sandbox, spec, terminal.streams), terminal);
  const collected = new Collected(terminal.streams.stdin);
  const started = performance.now();
  const end = await runCommand(sandbox, spec, collected.streams);
  const durationMs = Math.round(performance.now() - started);
  const { stdout, stderr, truncated } = collected;
  terminal.result({ id: sandbox.id, ...end, durationMs, stdout, stderr, truncated }, () => "");
  return end.code;
}

/** The exit code; also reports what the code does not say. */
function tellEnd(end: CommandEnd, terminal: Terminal): number {
  if (end.oom) reportError(outOfMemory(end), terminal);
  return end.code;
}

/** Checks what the types of the options cannot express. @throws {UsageError} */
export function checkForeground({
  options,
  terminal,
}: Pick<Invocation<ForegroundOptions>, "options" | "terminal">): void {
  if (options.tty && terminal.json) throw new UsageError("--tty and --json cannot be combined", "leave one out");
}
