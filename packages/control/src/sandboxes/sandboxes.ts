import type { EgressSpec } from "@sandkeep/egress";
import { type MachineSpec, NoCapacity, PreconditionError } from "@sandkeep/host";
import { ApiError, type ForkRequest, newSandboxId, type ResumeRequest, type SandboxConfig } from "@sandkeep/protocol";
import type { SandboxRecord } from "@sandkeep/store";
import type { Owner, Principal } from "../auth/authenticator.ts";
import { TokenEnded } from "../auth/lease.ts";
import { sshIsOff } from "../doors/ssh/details.ts";
import { newEgress } from "../egress/new-egress.ts";
import { networkRecord } from "../egress/views.ts";
import { Forking } from "../forks/forking.ts";
import { PausedSandboxes } from "../forks/paused-sandboxes.ts";
import type { SandboxTable } from "../forks/sandbox-table.ts";
import { disksRefusal, sandboxDisks } from "../storage/sandbox-disks.ts";
import { Admission } from "./admission.ts";
import { sandboxEnvironment } from "./environment.ts";
import { firstStop } from "./lifetime.ts";
import type { SandboxesContext, SandboxesOptions } from "./options.ts";
import { Recovery } from "./recovery.ts";
import { Sandbox } from "./sandbox.ts";
import { GOING_AWAY_TEXT, serverStop } from "./stop.ts";

/** All sandboxes of this server: creates and finds them, and lets them outlive a restart. */
export class Sandboxes {
  readonly #options: SandboxesContext;
  readonly #admission: Admission;
  readonly #running = new Map<string, Sandbox>();
  /** Sandboxes that have ended or are paused, until their connections are closed. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #working = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #recovery: Recovery;
  readonly #forking: Forking;
  readonly #paused: PausedSandboxes;

  constructor(given: SandboxesOptions) {
    const options: SandboxesContext = {
      ...given,
      pauseInstead: (sandbox, stop) => this.#paused.instead.pause(sandbox, stop),
      isClosing: () => this.#closing.signal.aborted,
    };
    this.#options = options;
    this.#admission = new Admission(options.limits.sandboxesPerOrganisation);
    const table: SandboxTable = {
      enter: (organisation) => this.#admission.enter(organisation),
      take: (sandbox, leave) => this.#take(sandbox, leave),
      busy: (work) => this.#busy(work),
    };
    this.#forking = new Forking(options, table);
    this.#paused = new PausedSandboxes(options, table);
    options.doors.wakes(this.#paused);
    this.#recovery = new Recovery(options, {
      running: () => [...this.#running.values()],
      take: (sandbox) => {
        const { id, organisation } = sandbox;
        const leaveLog = options.egressLog.enter(id, organisation, true);
        const leave = this.#admission.enter(organisation.id, true);
        this.#take(sandbox, () => {
          leaveLog();
          leave();
        });
      },
      paused: this.#paused,
    });
  }

  get size(): number {
    return this.#running.size;
  }

  /**
   * Creates a sandbox. When this resolves, it is ready and recorded in the store.
   *
   * @param signal Aborted when the client has disconnected or its token has ended; the sandbox is then abandoned.
   * @throws {ApiError}
   */
  async create(config: SandboxConfig, principal: Owner, signal: AbortSignal): Promise<Sandbox> {
    this.#checkOpen();
    const spec = newEgress(config, this.#options.sealer);
    const now = Date.now();
    const { limits, region, offersSsh } = this.#options;
    if (config.expose.ssh && !offersSsh) throw sshIsOff();
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
      pausedAt: null,
      parent: null,
      onIdle: config.onIdle,
      idleMs: config.idleMs,
      labels: config.labels,
      network: networkRecord(spec),
    };
    try {
      const sandbox = await this.#busy(() => this.#create(record, config, spec, principal, signal));
      void sandbox.ended.then(leave);
      // Python's official client asks for them here. Its user finds their names in the list of doors.
      const { port, ssh } = config.expose;
      if (port !== null) await this.#expose(sandbox, "http", port, principal);
      if (ssh) await this.#expose(sandbox, "ssh", null, principal);
      return sandbox;
    } catch (error) {
      leave();
      throw error;
    }
  }

  async #expose(sandbox: Sandbox, kind: "http" | "ssh", port: number | null, { actor }: Owner): Promise<void> {
    try {
      await sandbox.doors.open(kind, { port }, actor);
    } catch (error) {
      await sandbox.end({ why: "client-closed", actor });
      throw error;
    }
  }

  /** Work that must be finished before the server stops. @throws {ApiError} `SHUTTING_DOWN` */
  async #busy<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#checkOpen();
    const working = work();
    this.#working.add(working);
    try {
      return await working;
    } finally {
      this.#working.delete(working);
    }
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new ApiError("SHUTTING_DOWN");
  }

  async #create(
    record: SandboxRecord,
    config: SandboxConfig,
    egress: EgressSpec,
    principal: Owner,
    clientGone: AbortSignal,
  ): Promise<Sandbox> {
    const { hosts, storage, leases, store, egressLog, limits, log } = this.#options;
    const timeout = AbortSignal.timeout(limits.createTimeoutMs);
    const signal = AbortSignal.any([clientGone, timeout, this.#closing.signal]);
    const started = performance.now();
    const env = sandboxEnvironment(record.id, principal.organisation, config.env, egress.secrets);
    const keep = record.stopAt !== null;
    const disks = await sandboxDisks(storage, record.id, record.organisation, config);
    const { attached } = disks;
    const leave = egressLog.enter(record.id, principal.organisation);
    const host = disks.host ?? (await hosts.roomiest());
    const { id, memoryMiB } = record;
    const machineSpec: MachineSpec = {
      id,
      owner: leases.owner,
      memoryMiB,
      env,
      egress,
      keep,
      ...(disks.root && { root: disks.root }),
      ...(disks.specs.length > 0 && { disks: disks.specs }),
    };
    const insert = () => store.insert(record, leases.on(host.id), keep ? egress : null, attached);
    // Any number may use a snapshot.
    const exclusive = attached.flatMap(({ disk, exclusive }) => (exclusive ? [disk] : []));
    const storing = exclusive.length > 0 ? storage.holders.outliving(exclusive, insert) : insert();
    // The record is written while the machine is created: both must be ready before the client is answered. Volumes must
    // be this sandbox's before a machine gets them.
    const making =
      attached.length > 0 ? storing.then(() => host.create(machineSpec, signal)) : host.create(machineSpec, signal);
    const [machine, stored] = await Promise.allSettled([making, storing]);
    const durationMs = Math.round(performance.now() - started);
    const data = { memoryMiB: record.memoryMiB, stopAtMs: record.stopAt, labels: record.labels, durationMs };
    const subject = { organisation: principal.organisation, sandbox: record.id, actor: principal.actor };
    if (machine.status === "fulfilled" && stored.status === "fulfilled" && !signal.aborted) {
      const placed = { host: host.id, attached };
      const sandbox = new Sandbox(machine.value, record, principal.organisation, egress, placed, this.#options);
      this.#take(sandbox, leave);
      this.#options.events.publish(subject, { kind: "sandbox.created", outcome: "ok", data });
      sandbox.volumes.reportAttached(principal.actor);
      log.info(
        { sandbox: record.id, durationMs, stopAt: record.stopAt, memoryMiB: record.memoryMiB },
        "sandbox created",
      );
      return sandbox;
    }
    const cause =
      machine.status === "rejected" ? machine.reason : stored.status === "rejected" ? stored.reason : signal.reason;
    const refused = await disksRefusal(storage, record.organisation, attached, cause);
    const error = this.#refusal(refused, clientGone, timeout);
    leave();
    if (machine.status === "fulfilled")
      await machine.value
        .destroy()
        .catch((err: unknown) => log.error({ err, sandbox: record.id }, "an abandoned machine could not be ended"));
    if (stored.status === "fulfilled")
      await store
        .remove(leases.owner, record.id)
        .catch((err: unknown) =>
          log.error({ err, sandbox: record.id }, "the record of an abandoned sandbox could not be removed"),
        );
    this.#options.events.publish(subject, {
      kind: "sandbox.created",
      outcome: "failed",
      data: { ...data, error: error.code },
    });
    log.warn({ sandbox: record.id, code: error.code, durationMs }, "sandbox not created");
    throw error;
  }

  #refusal(cause: unknown, clientGone: AbortSignal, timeout: AbortSignal): ApiError {
    if (cause instanceof ApiError) return cause;
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

  #take(sandbox: Sandbox, leave: () => void): void {
    this.#running.set(sandbox.id, sandbox);
    this.#options.storage.holders.enter(sandbox);
    void sandbox.ended.then(() => {
      // It may run again already.
      if (this.#running.get(sandbox.id) === sandbox) this.#running.delete(sandbox.id);
      leave();
      const disconnected = sandbox.disconnected().finally(() => this.#leaving.delete(disconnected));
      this.#leaving.add(disconnected);
    });
  }

  /**
   * The running sandbox with this id, if it belongs to the caller's organisation. Those of others look as if they did
   * not exist.
   *
   * @throws {ApiError} `SANDBOX_NOT_FOUND`, `SANDBOX_PAUSED`, and `CHANGED_MEANWHILE` while it is being paused
   */
  get(id: string, principal: Principal): Sandbox {
    if (this.#paused.has(id, principal)) throw new ApiError("SANDBOX_PAUSED");
    const sandbox = this.#running.get(id);
    if (!sandbox || sandbox.isEnding || sandbox.organisation.id !== principal.organisation.id)
      throw new ApiError("SANDBOX_NOT_FOUND");
    if (sandbox.pausing) throw new ApiError("CHANGED_MEANWHILE", "The sandbox is being paused.");
    return sandbox;
  }

  /** Makes children of a running sandbox. @throws {ApiError} */
  async fork(id: string, request: ForkRequest, principal: Principal): Promise<SandboxRecord[]> {
    const children = await this.#forking.fork(this.get(id, principal), request, principal.actor);
    return children.map(({ record }) => record);
  }

  /** Pauses a running sandbox. @throws {ApiError} */
  async pause(id: string, principal: Principal): Promise<SandboxRecord> {
    this.#checkOpen();
    return await this.#paused.pause(this.get(id, principal), "requested", principal.actor);
  }

  /** Lets a paused sandbox go on. @throws {ApiError} */
  async resume(id: string, request: ResumeRequest, principal: Principal): Promise<SandboxRecord> {
    if (!this.#paused.has(id, principal)) {
      this.get(id, principal);
      throw new ApiError("SANDBOX_NOT_PAUSED");
    }
    return (await this.#paused.resume(id, request, principal)).record;
  }

  /** When a paused sandbox is removed unless it is resumed, epoch milliseconds. */
  removedAt(record: SandboxRecord): number | null {
    return this.#paused.removedAt(record);
  }

  /** Number of open connections; 0 for a sandbox that is not running. */
  connectionsOf(id: string): number {
    return this.#running.get(id)?.connections ?? 0;
  }

  /**
   * Ends a sandbox, running or paused. If it is already ending, waits for that.
   *
   * @throws {ApiError} `SANDBOX_NOT_FOUND`
   */
  async kill(id: string, principal: Principal): Promise<void> {
    const stop = { why: "killed", actor: principal.actor } as const;
    // It may be paused or resumed meanwhile.
    for (;;) {
      if (this.#paused.has(id, principal)) {
        if (await this.#paused.end(id, stop)) return;
        continue;
      }
      const sandbox = this.#running.get(id);
      if (!sandbox || sandbox.organisation.id !== principal.organisation.id) throw new ApiError("SANDBOX_NOT_FOUND");
      await sandbox.end(stop);
      if (!this.#paused.has(id, principal)) return;
    }
  }

  /**
   * After a start: takes over sandboxes that an earlier process left running, and from then on those of control planes
   * that are gone.
   */
  async adopt(): Promise<void> {
    await this.#recovery.start();
  }

  /**
   * Ends every running sandbox, or pauses it if it is to be paused when nobody needs it. With `leaveRunning`, those with a
   * duration keep running, and only their connections are closed.
   */
  async close({ leaveRunning }: { leaveRunning: boolean }): Promise<void> {
    this.#closing.abort(new Error("the server is stopping"));
    const groups = () =>
      Object.groupBy(this.#running.values(), ({ record, isEnding, pausesInstead }) => {
        if (isEnding) return "ended";
        if (leaveRunning && record.stopAt !== null) return "left";
        return pausesInstead ? "paused" : "ended";
      });
    const expect = (some: Sandbox[]) => Promise.all(some.map((sandbox) => this.#paused.expectPause(sandbox)));
    // All of them first, as the server may give up at any time.
    const early = groups().paused ?? [];
    const expected = expect(early);
    await Promise.allSettled([...this.#working, this.#recovery.settled()]);
    // What was just being made is there now.
    const { left = [], paused = [], ended = [] } = groups();
    await Promise.all([
      expected,
      expect(paused.filter((sandbox) => !early.includes(sandbox))),
      ...left.map((sandbox) => sandbox.leaveRunning(GOING_AWAY_TEXT)),
      ...ended.map((sandbox) => sandbox.end(serverStop)),
      ...paused.map((sandbox) => this.#paused.instead.pause(sandbox, serverStop)),
    ]);
    await Promise.all(this.#leaving);
  }

  /**
   * Lets go of what still runs when nobody waits for {@link close} any more; pauses in progress go on. Returns whether some
   * were left to the next start because they could not be paused.
   */
  letGo(): boolean {
    for (const sandbox of this.#running.values())
      if (!sandbox.isEnding && !sandbox.pausing) void sandbox.letGo(GOING_AWAY_TEXT);
    return this.#paused.leftSome;
  }
}
