import type { MachineOptions } from "../../client/machine-options.ts";
import { createSandbox } from "../../client/sandbox.ts";
import { ensureTarget } from "../../client/target.ts";
import { UsageError } from "../../errors.ts";
import { withOwnFailures } from "../../process/command.ts";
import { checkForeground, type ForegroundOptions, runInForeground } from "../../process/foreground.ts";
import type { Invocation } from "../../tree/spec.ts";

interface Options extends MachineOptions, ForegroundOptions {
  keep?: boolean;
}

/** `sandkeep run -- command…` */
export async function run(invocation: Invocation<Options>): Promise<number> {
  const {
    args: [words],
    options,
    terminal,
    env,
  } = invocation;
  const [command, ...args] = words as string[];
  checkForeground(invocation);
  if (options.keep && options.timeout === undefined)
    throw new UsageError("--keep needs --timeout", "say how long the sandbox may live");

  let endsAt = Infinity;
  return await withOwnFailures(
    async () => {
      const target = await ensureTarget(invocation);
      // The server counts from the request, which on a busy computer is long before its answer.
      if (options.timeout !== undefined) endsAt = Date.now() + options.timeout;
      const sandbox = await createSandbox(target, options, env);
      try {
        // `--env` was passed to the sandbox, so that every process in it has it.
        return await runInForeground(sandbox, { command: command!, args }, invocation);
      } finally {
        if (options.keep) terminal.note(`sandbox ${sandbox.id} keeps running`);
        // A sandbox without a timeout ends with this connection.
        await (options.keep || options.timeout === undefined
          ? sandbox.close()
          : sandbox.kill().catch(() => sandbox.close()));
      }
    },
    { timedOut: () => Date.now() >= endsAt - CLOCK_SLACK_MS },
  );
}

/** The server's clock and ours may differ slightly about when the time was up. In milliseconds. */
const CLOCK_SLACK_MS = 1_000;
