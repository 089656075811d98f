import { setTimeout as wait } from "node:timers/promises";
import { startTicks } from "@sandkeep/common/process-identity";
import { CliError } from "../../errors.ts";
import { dataDirOf } from "../../paths.ts";
import { readState } from "../../server/state.ts";
import type { Invocation } from "../../tree/spec.ts";

/** The server takes at most 20 s to stop; after this long, the user must decide. In milliseconds. */
const STOP_TIMEOUT_MS = 30_000;
const POLL_MS = 20;

/** `sandkeep stop` */
export async function run({ options, terminal, env }: Invocation<{ leaveRunning?: boolean }>): Promise<void> {
  const state = readState(dataDirOf(options, env));
  if (!state) return terminal.result({ stopped: false }, () => "no server is running");
  // The signal says whether sandboxes keep running; see server/stop-request.ts.
  process.kill(state.pid, options.leaveRunning ? "SIGUSR2" : "SIGTERM");
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  // There is no event for the end of a process that is not a child.
  while (startTicks(state.pid) === state.startTicks) {
    if (Date.now() > deadline) {
      throw new CliError(
        "STILL_RUNNING",
        `the server (process ${state.pid}) did not stop within ${STOP_TIMEOUT_MS / 1_000} s`,
        { hint: `see its log, or end it: kill -9 ${state.pid}` },
      );
    }
    await wait(POLL_MS);
  }
  terminal.result({ stopped: true, pid: state.pid }, () => `stopped (process ${state.pid})`);
}
