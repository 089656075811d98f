import { readFile } from "node:fs/promises";
import type { RequestRule } from "@sandkeep/protocol";
import { CliError, ExitCode, UsageError } from "../../errors.ts";
import type { Invocation } from "../../tree/spec.ts";
import { changeEgress } from "./change.ts";
import { readInput } from "./input.ts";

/** The server's limit, in bytes. */
const MAX_BYTES = 1024 * 1024;

/** `sandkeep egress rules [id] --file F` */
export async function run(invocation: Invocation<{ file?: string }>): Promise<void> {
  const {
    options: { file },
    terminal,
  } = invocation;
  if (file === undefined)
    throw new UsageError(
      "no rules are given",
      "name a file with --file; `sandkeep egress show` shows the rules in effect",
    );
  const text =
    file === "-"
      ? await readInput(terminal.streams.stdin, MAX_BYTES)
      : await readFile(file, "utf8").catch((error: Error) => {
          throw new CliError("NO_SUCH_FILE", `cannot read ${file}: ${error.message}`, {
            hint: "check its path and permissions",
            exitCode: ExitCode.notFound,
          });
        });
  // The server validates the rules; here it is only checked that they are a list.
  await changeEgress(invocation, { rules: parse(text) });
}

function parse(text: string): RequestRule[] {
  try {
    const rules: unknown = JSON.parse(text);
    if (Array.isArray(rules)) return rules as RequestRule[];
  } catch {
    // Reported below.
  }
  throw new UsageError(
    "the rules are not a JSON array",
    'write them like [{"host":"api.example.com","methods":["GET"]}]',
  );
}
