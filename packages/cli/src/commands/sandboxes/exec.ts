import { connectSandbox } from "../../client/sandbox.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { requireTarget } from "../../client/target.ts";
import { UsageError } from "../../errors.ts";
import { withOwnFailures } from "../../process/command.ts";
import { checkForeground, type ForegroundOptions, runInForeground } from "../../process/foreground.ts";
import type { Invocation } from "../../tree/spec.ts";

interface Options extends ForegroundOptions {
  env?: Record<string, string>;
}

/** `sandkeep exec id -- command…` */
export async function run(invocation: Invocation<Options>): Promise<number> {
  const {
    args: [given, words],
    options,
    env,
  } = invocation;
  const list = words as string[];
  const [command, ...args] = list[0] === "--" ? list.slice(1) : list;
  checkForeground(invocation);
  if (!command) throw new UsageError("no command is given", "write it after the id: sandkeep exec <id> -- <command>");
  if (command.startsWith("-"))
    throw new UsageError(
      `"${command}" is not a command`,
      "options come before the command: sandkeep exec <id> --cwd /tmp -- <command>",
    );
  const id = sandboxId(given, env);

  return await withOwnFailures(async () => {
    const sandbox = await connectSandbox(await requireTarget(invocation), id);
    try {
      return await runInForeground(sandbox, { command, args, ...(options.env && { env: options.env }) }, invocation);
    } finally {
      await sandbox.close();
    }
  });
}
