import type { Host } from "@sandkeep/host";
import { parseLifetime, type ResumeRequest } from "@sandkeep/protocol";
import { resumedStop } from "../sandboxes/lifetime.ts";
import type { SandboxesContext } from "../sandboxes/options.ts";
import { Sandbox } from "../sandboxes/sandbox.ts";
import type { PausedSandbox } from "./paused-sandbox.ts";
import type { SandboxTable } from "./sandbox-table.ts";

/**
 * Lets a paused sandbox go on.
 *
 * @param request.isShared whether that is for a visitor
 * @param forget called when its machine runs: from then on it is not paused
 * @throws {ApiError} and errors of the host; it stays paused then
 */
export async function resume(
  context: SandboxesContext,
  table: SandboxTable,
  host: Host,
  paused: PausedSandbox,
  { timeout, isShared }: ResumeRequest & { isShared: boolean },
  forget: () => void,
): Promise<Sandbox> {
  const { egressLog, leases, limits, log, store } = context;
  const { organisation, egress, usage, attached } = paused;
  const { id } = paused.record;
  const requested = timeout === undefined ? null : parseLifetime(timeout);
  const stopAt = resumedStop(paused.record, requested, Date.now(), limits.maxLifetimeMs);
  const leave = table.enter(organisation.id);
  const leaveLog = egressLog.enter(id, organisation, true);
  try {
    // Until that is stored, it outlives the server even if it is a session: it could not be resumed a second time.
    const machine = await host.resume({ id, owner: leases.owner, egress, ...(usage && { usage }), keep: true });
    const record = { ...paused.record, status: "running" as const, pausedAt: null, stopAt };
    const sandbox = new Sandbox(machine, record, organisation, egress, { host: host.id, attached }, context);
    forget();
    table.take(sandbox, () => {
      leave();
      leaveLog();
    });
    // Before anything that a client could overtake.
    if (stopAt === null) sandbox.awaitCreator({ wasPaused: true, isShared });
    await store
      .setResumed(leases.owner, id, stopAt, stopAt === null ? null : egress)
      .then(() => void sandbox.keepSession(false).catch(() => {}))
      .catch((err: unknown) => log.error({ err, sandbox: id }, "that a sandbox was resumed could not be stored"));
    return sandbox;
  } catch (error) {
    leave();
    leaveLog();
    throw error;
  }
}
