import type { Handlers } from "../connection-state.ts";
import { noSuchProcess } from "../errors.ts";
import { ProcessRun } from "../processes/process-run.ts";

/** Processes (wire-protocol §7.4). */
export const processHandlers = {
  async spawn(client, { command, args, env, clearEnv, cwd, stdout, stderr, stdinStreamId }) {
    const run = await ProcessRun.start(
      client,
      { command, args, env, clearEnv, cwd, stdout, stderr },
      { stdinStreamId },
    );
    return { pid: run.pid, stdoutStreamId: run.stdout?.id ?? null, stderrStreamId: run.stderr?.id ?? null };
  },

  async processWait(client, { pid, vscode }) {
    if (vscode) throw noSuchProcess(pid);
    const run = client.runs.get(pid);
    run?.openGate();
    // The exit comes with the output, without asking the guest again, unless that stream is another connection's or gone.
    const told = run && (await run.exited.catch(() => null));
    const status = told ?? (await client.guest.call("processWait", { pid }, client.signal));
    return status.oom ? { ...status, memoryMiB: client.session.memoryMiB } : status;
  },

  async processKill(client, { pid, signal, vscode }) {
    if (vscode) throw noSuchProcess(pid);
    return await client.guest.call("processKill", { pid, signal: signal ?? "SIGTERM" });
  },
} satisfies Partial<Handlers>;
