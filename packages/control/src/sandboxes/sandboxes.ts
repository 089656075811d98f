import type { EgressSpec } from "@sandkeep/egress";
import { type Host, type Machine, NoCapacity, PreconditionError } from "@sandkeep/host";
import { ApiError, newSandboxId, type SandboxConfig } from "@sandkeep/protocol";
import type { SandboxRecord } from "@sandkeep/store";
import type { Principal } from "../auth/authenticator.ts";
import { TokenEnded } from "../auth/lease.ts";
import { newEgress } from "../egress/new-egress.ts";
import { networkRecord, policyOf } from "../egress/views.ts";
import type { EgressLog } from "../events/egress-log.ts";
import { Admission } from "./admission.ts";
import { sandboxEnvironment } from "./environment.ts";
import { firstStop } from "./lifetime.ts";
import { Sandbox, type SandboxServices } from "./sandbox.ts";
import { serverStop } from "./stop.ts";
import { checkSupported } from "./supported.ts";

export interface SandboxesOptions extends SandboxServices {
  host: Host;
  egressLog: EgressLog;
  region: string;
  /** Whether values that a former process sealed can be opened; null: they can. Else why not. */
  sealedIsLost: string | null;
}

/** All sandboxes of this server: how they come to be, how they are found, and how they outlive a restart. */
export class Sandboxes {
  readonly #options: SandboxesOptions;
  readonly #admission: Admission;
  readonly #running = new Map<string, Sandbox>();
  readonly #creating = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(options: SandboxesOptions) {
    this.#options = options;
    this.#admission = new Admission(options.limits.sandboxesPerOrganisation);
    options.host.watchEgress(options.egressLog.take);
  }

  get size(): number {
    return this.#running.size;
  }

  /**
   * A new sandbox, ready for use and on record.
   *
   * @param signal Aborted when the client is gone, or its token has ended; the sandbox is then given up.
   * @throws {ApiError}
   */
  async create(config: SandboxConfig, principal: Principal, signal: AbortSignal): Promise<Sandbox> {
    if (this.#closing.signal.aborted) throw new ApiError("SHUTTING_DOWN");
    const spec = newEgress(config, this.#options.sealer);
    checkSupported(config);
    const now = Date.now();
    const { limits, region } = this.#options;
    const stopAt = firstStop(config.lifetime, now, limits.maxLifetimeMs);
    const leave = this.#admission.enter(principal.organisation.id);
    const record: SandboxRecord = {
      id: newSandboxId(region),
      organisation: principal.organisation.id,
      region,
      status: "running",
      memoryMiB: config.memoryMiB,
      createdAt: now,
      stopAt,
      stoppedAt: null,
      stopReason: null,
      labels: config.labels,
      network: networkRecord(spec),
    };
    const creation = this.#create(record, config.env, spec, principal, signal);
    this.#creating.add(creation);
    try {
      const sandbox = await creation;
      void sandbox.ended.then(leave);
      return sandbox;
    } catch (error) {
      leave();
      throw error;
    } finally {
      this.#creating.delete(creation);
    }
  }

  async #create(
    record: SandboxRecord,
    variables: Record<string, string>,
    egress: EgressSpec,
    principal: Principal,
    clientGone: AbortSignal,
  ): Promise<Sandbox> {
    const { host, store, egressLog, limits, log } = this.#options;
    const timeout = AbortSignal.timeout(limits.createTimeoutMs);
    const signal = AbortSignal.any([clientGone, timeout, this.#closing.signal]);
    const started = performance.now();
    const env = sandboxEnvironment(record.id, principal.organisation, variables, egress.secrets);
    const keep = record.stopAt !== null;
    const leave = egressLog.enter(record.id, principal.organisation);
    const made = host.create({ id: record.id, memoryMiB: record.memoryMiB, env, egress, keep }, signal);
    // The record is written while the machine is made: both must be there before the client hears of it.
    const [machine, stored] = await Promise.allSettled([made, store.insert(record, keep ? egress : null)]);
    const durationMs = Math.round(performance.now() - started);
    const data = { memoryMiB: record.memoryMiB, stopAtMs: record.stopAt, labels: record.labels, durationMs };
    const subject = { organisation: principal.organisation, sandbox: record.id, actor: principal.actor };
    if (machine.status === "fulfilled" && stored.status === "fulfilled" && !signal.aborted) {
      const sandbox = new Sandbox(machine.value, record, principal.organisation, egress, this.#options);
      this.#take(sandbox, leave);
      this.#options.events.publish(subject, { kind: "sandbox.created", outcome: "ok", data });
      log.info(
        { sandbox: record.id, durationMs, stopAt: record.stopAt, memoryMiB: record.memoryMiB },
        "sandbox created",
      );
      return sandbox;
    }
    const cause =
      machine.status === "rejected" ? machine.reason : stored.status === "rejected" ? stored.reason : signal.reason;
    const error = this.#refusal(cause, clientGone, timeout);
    leave();
    if (machine.status === "fulfilled")
      await machine.value
        .destroy()
        .catch((err: unknown) =>
          log.error({ err, sandbox: record.id }, "a machine nobody waits for could not be ended"),
        );
    if (stored.status === "fulfilled")
      await store
        .remove(record.id)
        .catch((err: unknown) => log.error({ err, sandbox: record.id }, "a record nobody needs could not be removed"));
    this.#options.events.publish(subject, {
      kind: "sandbox.created",
      outcome: "failed",
      data: { ...data, error: error.code },
    });
    log.warn({ sandbox: record.id, code: error.code, durationMs }, "sandbox not created");
    throw error;
  }

  #refusal(cause: unknown, clientGone: AbortSignal, timeout: AbortSignal): ApiError {
    if (cause instanceof NoCapacity) return new ApiError("NO_CAPACITY", cause.message, { cause });
    if (cause instanceof PreconditionError)
      return new ApiError(
        "HOST_NOT_READY",
        cause.repair ? `${cause.message} To fix it: ${cause.repair}.` : cause.message,
        { cause },
      );
    if (this.#closing.signal.aborted) return new ApiError("SHUTTING_DOWN", undefined, { cause });
    if (clientGone.aborted)
      return clientGone.reason instanceof TokenEnded
        ? clientGone.reason
        : new ApiError("REQUEST_ABORTED", undefined, { cause });
    if (timeout.aborted)
      return new ApiError(
        "NO_CAPACITY",
        `The sandbox was not ready within ${this.#options.limits.createTimeoutMs / 1_000} s.`,
        { cause },
      );
    return new ApiError("INTERNAL", "The sandbox could not be created.", { cause });
  }

  #take(sandbox: Sandbox, leaveEgressLog: () => void): void {
    this.#running.set(sandbox.id, sandbox);
    void sandbox.ended.then(() => {
      this.#running.delete(sandbox.id);
      leaveEgressLog();
    });
  }

  /**
   * The running sandbox with this id, if it belongs to the one who asks. Another's looks like none at all.
   *
   * @throws {ApiError} `SANDBOX_NOT_FOUND`
   */
  get(id: string, principal: Principal): Sandbox {
    const sandbox = this.#running.get(id);
    if (!sandbox || sandbox.isEnding || sandbox.organisation.id !== principal.organisation.id)
      throw new ApiError("SANDBOX_NOT_FOUND");
    return sandbox;
  }

  /** Connections open to it now; 0 for one that does not run. */
  connectionsOf(id: string): number {
    return this.#running.get(id)?.connections ?? 0;
  }

  /**
   * Ends one. If it is ending already, waits for that.
   *
   * @throws {ApiError} `SANDBOX_NOT_FOUND`
   */
  async kill(id: string, principal: Principal): Promise<void> {
    const sandbox = this.#running.get(id);
    if (!sandbox || sandbox.organisation.id !== principal.organisation.id) throw new ApiError("SANDBOX_NOT_FOUND");
    await sandbox.end({ why: "killed", actor: principal.actor });
  }

  /** After a start: takes over what a former process left running and may go on; everything else is noted as stopped. */
  async adopt(): Promise<void> {
    const { store, host, egressLog, events, log } = this.#options;
    const now = Date.now();
    const left = await store.running();
    const machines = new Map<string, Machine>();
    const wanted = left
      .filter(({ record: { stopAt } }) => stopAt !== null && stopAt > now)
      .map(({ record }) => record.id);
    for (const machine of await host.adopt(wanted)) machines.set(machine.id, machine);
    const restored: Promise<void>[] = [];
    for (const { slug, record, egress: kept } of left) {
      const organisation = { id: record.organisation, slug };
      const subject = { organisation, sandbox: record.id, actor: { kind: "system" } } as const;
      const machine = machines.get(record.id);
      // As it was given to the store.
      const egress = kept as EgressSpec | null;
      if (machine && record.stopAt !== null) {
        const sandbox = new Sandbox(machine, record, organisation, egress ?? policyOf(record.network), this.#options);
        this.#take(sandbox, egressLog.enter(record.id, organisation, true));
        void sandbox.ended.then(this.#admission.enter(organisation.id, true));
        events.publish(subject, { kind: "sandbox.adopted", outcome: "ok", data: { stopAtMs: record.stopAt } });
        restored.push(sandbox.egress.restore(this.#options.sealedIsLost));
      } else {
        const timedOut = record.stopAt !== null && record.stopAt <= now;
        const why = timedOut ? "timeout" : "server-restarted";
        const stoppedAt = timedOut ? (record.stopAt as number) : now;
        await store.setStopped(record.id, stoppedAt, why);
        events.publish(subject, {
          kind: "sandbox.stopped",
          outcome: timedOut ? "ok" : "failed",
          data: { why, lifetimeMs: stoppedAt - record.createdAt },
        });
      }
    }
    await Promise.all(restored);
    if (left.length > 0)
      log.info({ adopted: machines.size, stopped: left.length - machines.size }, "found sandboxes of a former process");
  }

  /** Ends every sandbox; with `leaveRunning`, all but those with a duration, whose clients are sent away. */
  async close({ leaveRunning }: { leaveRunning: boolean }): Promise<void> {
    this.#closing.abort(new Error("the server is stopping"));
    await Promise.allSettled(this.#creating);
    await Promise.all(
      [...this.#running.values()].map(async (sandbox) => {
        if (leaveRunning && sandbox.record.stopAt !== null && !sandbox.isEnding)
          return await sandbox.leaveRunning("The server is going away.");
        await sandbox.end(serverStop);
        await sandbox.disconnected();
      }),
    );
  }
}
