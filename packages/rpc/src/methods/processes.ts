import { noSuchProcess } from "../errors.ts";
import type { Handlers } from "../handlers.ts";
import { ProcessRun } from "../processes/process-run.ts";

/** Processes (wire-protocol §7.4). */
export const processHandlers = {
  async spawn(state, { command, args, env, clearEnv, cwd, stdout, stderr, stdinStreamId }) {
    const run = await ProcessRun.start(state, { command, args, env, clearEnv, cwd, stdout, stderr }, { stdinStreamId });
    return { pid: run.pid, stdoutStreamId: run.stdout?.id ?? null, stderrStreamId: run.stderr?.id ?? null };
  },

  async processWait(state, { pid, vscode }) {
    if (vscode) throw noSuchProcess(pid);
    const run = state.runs.get(pid);
    run?.openGate();
    // The exit status comes with the output, without asking the guest again, unless that stream belongs to another connection or has ended.
    const told = run && (await run.exited.catch(() => null));
    const status = told ?? (await state.guest.call("processWait", { pid }, state.signal));
    return status.oom ? { ...status, memoryMiB: state.sandbox.memoryMiB } : status;
  },

  async processKill(state, { pid, signal, vscode }) {
    if (vscode) throw noSuchProcess(pid);
    return await state.guest.call("processKill", { pid, signal: signal ?? "SIGTERM" });
  },
} satisfies Partial<Handlers>;
