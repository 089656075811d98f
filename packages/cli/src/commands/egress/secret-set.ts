import type { EgressView } from "@sandkeep/protocol";
import { Api } from "../../client/api.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { UsageError } from "../../errors.ts";
import { printable } from "../../output/colour.ts";
import type { Invocation } from "../../tree/spec.ts";
import { egressPath } from "./change.ts";
import { readInput } from "./input.ts";

/** Longer than any value that the server accepts, in bytes. */
const MAX_BYTES = 64 * 1024;

interface Options {
  host?: string[];
  in?: "body" | "headers";
  placeholder?: string;
  valueEnv?: string;
}

/** `sandkeep egress secret set <id> NAME` */
export async function run(invocation: Invocation<Options>): Promise<void> {
  const {
    args: [given, name],
    options,
    terminal,
    env,
  } = invocation;
  const id = sandboxId(given, env);
  const value = options.valueEnv === undefined ? await fromInput(invocation) : fromEnvironment(options.valueEnv, env);
  const secret = await new Api(await requireTarget(invocation)).json<EgressView["secrets"][number]>(
    "PUT",
    `${egressPath(id)}/secrets/${encodeURIComponent(String(name))}`,
    {
      value,
      ...(options.host && { hosts: options.host }),
      ...(options.placeholder !== undefined && { placeholder: options.placeholder }),
      ...(options.in && { in: options.in === "body" ? ["body"] : [] }),
    },
  );
  terminal.result(secret, () => printable(`${secret.name} → ${secret.hosts.join(", ")}`));
}

async function fromInput({
  terminal: {
    streams: { stdin },
  },
}: Invocation<Options>): Promise<string> {
  if (stdin.isTTY)
    throw new UsageError(
      "no value is given",
      "send it to standard input (`< file`), or name an environment variable with --value-env",
    );
  // A file or `echo` ends with a line break, which is hardly ever part of a secret.
  return (await readInput(stdin, MAX_BYTES)).replace(/\r?\n$/, "");
}

function fromEnvironment(variable: string, env: NodeJS.ProcessEnv): string {
  const value = env[variable];
  if (value === undefined || value === "")
    throw new UsageError(`the environment has no ${variable}`, "set it, or send the value to standard input");
  return value;
}
