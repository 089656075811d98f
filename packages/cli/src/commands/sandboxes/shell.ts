import { connectSandbox, createSandbox } from "../../client/sandbox.ts";
import { sandboxId } from "../../client/sandbox-id.ts";
import { ensureTarget, requireTarget } from "../../client/target.ts";
import { UsageError } from "../../errors.ts";
import { withOwnFailures } from "../../process/command.ts";
import { runOnTerminal } from "../../process/terminal-session.ts";
import type { Invocation } from "../../tree/spec.ts";

interface Options {
  cwd?: string;
  shell: string;
}

/** `sandkeep shell [id]` */
export async function run(invocation: Invocation<Options>): Promise<number> {
  const {
    args: [given],
    options,
    terminal,
    env,
  } = invocation;
  if (terminal.json) throw new UsageError("shell has no JSON output", "use `sandkeep exec --json`");
  const id = given || env.SANDBOX_ID ? sandboxId(given, env) : undefined;

  return await withOwnFailures(async () => {
    const sandbox = id
      ? await connectSandbox(await requireTarget(invocation), id)
      : await createSandbox(await ensureTarget(invocation), {}, env);
    try {
      const [command, ...args] = options.shell.split(" ");
      // A login shell, which reads the profile.
      const spec = { command: command!, args: args.length ? args : ["-l"], cwd: options.cwd };
      return (await runOnTerminal(sandbox, spec, terminal.streams, env.TERM)).code;
    } finally {
      await sandbox.close();
    }
  });
}
