import { fromSdkError } from "./client/sdk-error.ts";
import { CliError, ExitCode } from "./errors.ts";
import { printable } from "./output/colour.ts";
import type { Terminal } from "./output/terminal.ts";
import { fromOwnName } from "./own-error.ts";

/**
 * Reports to standard error what went wrong and what to do: as text, or with `--json` as
 * `{"error":{"code","message","hint"}}`.
 * @returns the exit code
 */
export function reportError(error: unknown, terminal: Terminal): number {
  const known = error instanceof CliError ? error : (fromSdkError(error) ?? fromOwnName(error) ?? unexpected(error));
  const { stderr } = terminal.streams;
  if (terminal.json) {
    stderr.write(
      `${JSON.stringify({ error: { code: known.code, message: known.message, hint: known.hint ?? null } })}\n`,
    );
    return known.exitCode;
  }
  const { red, dim } = terminal.errColour;
  stderr.write(`${red("error:")} ${lines(known.message)}${known.code === "USAGE" ? "" : dim(` [${known.code}]`)}\n`);
  if (known.hint) stderr.write(`  ${lines(known.hint)}\n`);
  if (process.env.SANDKEEP_DEBUG && error instanceof Error) stderr.write(`${error.stack}\n`);
  return known.exitCode;
}

/** Keeps the line breaks of a message and escapes other control characters, because it may come from a sandbox. */
const lines = (text: string) => text.split("\n").map(printable).join("\n  ");

function unexpected(error: unknown): CliError {
  const message = error instanceof Error ? error.message : String(error);
  return new CliError("UNEXPECTED", message || "something unexpected went wrong", {
    hint: "this is a bug in Sandkeep; run again with SANDKEEP_DEBUG=1 to see where it happened",
    exitCode: ExitCode.failed,
    cause: error,
  });
}
