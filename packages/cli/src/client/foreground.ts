import type { Sandbox } from "sandkeep";
import { UsageError } from "../errors.ts";
import type { Invocation } from "../tree/spec.ts";
import { Collected } from "./collect.ts";
import { type CommandSpec, runCommand } from "./command.ts";

export interface ForegroundOptions {
  cwd?: string;
  tty?: boolean;
  /** False with `--no-stdin`. */
  stdin?: boolean;
}

/** Runs a command as this process's own: with its streams, on its terminal, or with `--json` collecting its output. @returns its exit code */
export async function runInForeground(
  sandbox: Sandbox,
  command: Pick<CommandSpec, "command" | "args" | "env">,
  { options, terminal, env }: Pick<Invocation<ForegroundOptions>, "options" | "terminal" | "env">,
): Promise<number> {
  const spec: CommandSpec = { ...command, cwd: options.cwd, noStdin: options.stdin === false };
  if (options.tty) {
    const { runOnTerminal } = await import("./terminal_session.ts");
    return (await runOnTerminal(sandbox, spec, terminal.streams, env.TERM)).code;
  }
  if (!terminal.json) return (await runCommand(sandbox, spec, terminal.streams)).code;
  const collected = new Collected(terminal.streams.stdin);
  const started = performance.now();
  const end = await runCommand(sandbox, spec, collected.streams);
  const durationMs = Math.round(performance.now() - started);
  const { stdout, stderr, truncated } = collected;
  terminal.result({ id: sandbox.id, ...end, durationMs, stdout, stderr, truncated }, () => "");
  return end.code;
}

/** Checks what the types of the options cannot say. @throws {UsageError} */
export function checkForeground({ options, terminal }: Pick<Invocation<ForegroundOptions>, "options" | "terminal">): void {
  if (options.tty && terminal.json) throw new UsageError("--tty and --json exclude each other", "leave one out");
}
