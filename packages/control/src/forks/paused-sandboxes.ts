import type { EgressSpec } from "@sandkeep/egress";
import type { Host, UsageCounters } from "@sandkeep/host";
import { type Actor, ApiError, type EventBody, type PauseReason, type ResumeRequest } from "@sandkeep/protocol";
import type { AttachedDisk, RunningSandbox, SandboxRecord } from "@sandkeep/store";
import type { Principal } from "../auth/authenticator.ts";
import type { Asleep } from "../doors/waking.ts";
import { networkRecord, policyOf } from "../egress/views.ts";
import { Orphans } from "../expiry/orphans.ts";
import { SteadyClock } from "../expiry/steady-clock.ts";
import { Admission } from "../sandboxes/admission.ts";
import type { SandboxesContext } from "../sandboxes/options.ts";
import type { Sandbox } from "../sandboxes/sandbox.ts";
import { GOING_AWAY_TEXT, type Stop, timeoutStop } from "../sandboxes/stop.ts";
import { graceMs } from "../storage/context.ts";
import { forkFailure, refuseVolumes } from "./failures.ts";
import type { PausedSandbox } from "./paused-sandbox.ts";
import { PausingInstead } from "./pausing-instead.ts";
import { resume } from "./resume.ts";
import type { SandboxTable } from "./sandbox-table.ts";

const HOUR_MS = 60 * 60_000;
const SYSTEM: Actor = { kind: "system" };

/** The paused sandboxes of this server: pauses, resumes and removes them. */
export class PausedSandboxes implements Asleep {
  readonly #context: SandboxesContext;
  readonly #table: SandboxTable;
  readonly #places: Admission;
  readonly #paused = new Map<string, PausedSandbox>();
  readonly #clock = new SteadyClock();
  readonly #orphans: Orphans;
  /** Pauses sandboxes that would end otherwise. */
  readonly instead: PausingInstead;
  #leftSome = false;

  constructor(context: SandboxesContext, table: SandboxTable) {
    this.#context = context;
    this.#table = table;
    this.#places = new Admission(context.limits.pausedPerOrganisation, "paused sandboxes", "PAUSED_LIMIT");
    const { log, storage } = context;
    this.#orphans = new Orphans({ what: "a paused sandbox", keepMs: graceMs(storage), log });
    this.instead = new PausingInstead({
      pause: (sandbox, why, actor) => this.pause(sandbox, why, actor),
      leaveToNextStart: (sandbox) => this.#leaveToNextStart(sandbox),
      isClosing: context.isClosing,
      log,
    });
  }

  /** Whether this is a paused sandbox of the caller's organisation. */
  has(id: string, { organisation }: Principal): boolean {
    return this.#paused.get(id)?.organisation.id === organisation.id;
  }

  get ids(): string[] {
    return [...this.#paused.keys()];
  }

  /** When a paused sandbox is removed unless it is resumed, epoch milliseconds. */
  removedAt({ pausedAt }: SandboxRecord): number | null {
    return pausedAt === null ? null : pausedAt + this.#context.limits.keepPausedHours * HOUR_MS;
  }

  /** Whether a sandbox that could not be paused was left running for the next start. */
  get leftSome(): boolean {
    return this.#leftSome;
  }

  /**
   * Pauses a running sandbox. Durable when this resolves.
   *
   * @throws {ApiError}
   */
  async pause(sandbox: Sandbox, why: PauseReason, actor: Actor): Promise<SandboxRecord> {
    const started = performance.now();
    const report = (error?: ApiError) => {
      const durationMs = Math.round(performance.now() - started);
      const data = { why, durationMs, ...(error && { error: error.code }) };
      this.#publish(sandbox, actor, { kind: "sandbox.paused", outcome: error ? "failed" : "ok", data });
      this.#context.log.info({ sandbox: sandbox.id, ...data }, error ? "sandbox not paused" : "sandbox paused");
    };
    let leave = () => {};
    let record: SandboxRecord | undefined;
    try {
      leave = this.#places.enter(sandbox.organisation.id, sandbox.isKept);
      await sandbox.pause(async (egress, attached) => {
        record = await this.#suspend(sandbox, egress, attached, leave);
      });
    } catch (cause) {
      leave();
      const error = forkFailure(cause, "The sandbox could not be paused, so it goes on.");
      report(error);
      throw error;
    }
    report();
    return record!;
  }

  /**
   * Records that a sandbox is going to be paused, so that the next start finds its machine and pauses it if this server does
   * not get to it. Never rejects.
   */
  async expectPause(sandbox: Sandbox): Promise<void> {
    // That is recorded already, or will be.
    if (sandbox.isEnding || sandbox.pausing) return;
    await sandbox
      .quietly(async (egress) => this.#recordPausing(sandbox, egress, await countersOf(sandbox)))
      .catch((err: unknown) =>
        this.#context.log.warn({ err, sandbox: sandbox.id }, "that a sandbox is to be paused could not be recorded"),
      );
  }

  async #recordPausing(sandbox: Sandbox, egress: EgressSpec, usage: UsageCounters): Promise<void> {
    const { store, leases } = this.#context;
    await Promise.all([
      store.setPausing(leases.owner, sandbox.id, Date.now(), egress, usage),
      sandbox.keepSession(true),
    ]);
  }

  async #leaveToNextStart(sandbox: Sandbox): Promise<void> {
    this.#leftSome = true;
    this.#context.log.warn(
      { sandbox: sandbox.id },
      "a sandbox that could not be paused is left running for the next start",
    );
    await this.expectPause(sandbox);
    await sandbox.leaveRunning(GOING_AWAY_TEXT);
  }

  async #suspend(
    sandbox: Sandbox,
    egress: EgressSpec,
    attached: readonly AttachedDisk[],
    leave: () => void,
  ): Promise<SandboxRecord> {
    const { store, leases, log, isClosing } = this.#context;
    const { id, organisation, host } = sandbox;
    refuseVolumes(attached);
    const before = await countersOf(sandbox);
    try {
      // First: a server that starts after a crash finds the machine on its host, and all that it needs here.
      await this.#recordPausing(sandbox, egress, before);
      await this.#host(host).pause(id);
    } catch (error) {
      // If the server stops, it does not go on: it ends, or the next start pauses it.
      if (!isClosing() && !sandbox.isKept)
        await Promise.all([store.setNotPaused(leases.owner, id), sandbox.keepSession(false)]).catch((err: unknown) =>
          log.error({ err, sandbox: id }, "that a sandbox was not paused could not be recorded"),
        );
      throw error;
    }
    // From here on it is paused, whatever happens.
    const record: SandboxRecord = { ...sandbox.record, status: "paused", pausedAt: Date.now() };
    const usage = await countersOf(sandbox).catch(() => before);
    this.#paused.set(id, { record, organisation, host, egress, usage, attached, leave, busy: null });
    await store
      .setPaused(leases.owner, id, record.pausedAt!, usage)
      .catch((err: unknown) => log.error({ err, sandbox: id }, "that a sandbox is paused could not be stored"));
    return record;
  }

  /**
   * Lets a paused sandbox go on.
   *
   * @throws {ApiError} `SANDBOX_NOT_FOUND`, `CHANGED_MEANWHILE`, and why it cannot be resumed
   */
  async resume(id: string, request: ResumeRequest, principal: Principal): Promise<Sandbox> {
    return await this.#resume(this.#find(id, principal), request, principal.actor);
  }

  async #resume(paused: PausedSandbox, request: ResumeRequest, actor: Actor): Promise<Sandbox> {
    const { id } = paused.record;
    const started = performance.now();
    const durationMs = () => Math.round(performance.now() - started);
    const pausedMs = Date.now() - (paused.record.pausedAt ?? Date.now());
    try {
      const sandbox = await this.#exclusively(paused, "resumed", () =>
        this.#table.busy(() =>
          resume(
            this.#context,
            this.#table,
            this.#host(paused.host),
            paused,
            { ...request, isShared: actor.kind === "visitor" },
            () => this.#forget(paused),
          ),
        ),
      );
      const data = { stopAtMs: sandbox.record.stopAt, pausedMs, durationMs: durationMs() };
      this.#publish(sandbox, actor, { kind: "sandbox.resumed", outcome: "ok", data });
      this.#context.log.info({ sandbox: id, ...data }, "sandbox resumed");
      return sandbox;
    } catch (cause) {
      const error = forkFailure(cause, "The sandbox could not be resumed.");
      const data = { stopAtMs: paused.record.stopAt, pausedMs, durationMs: durationMs(), error: error.code };
      this.#publish({ id, organisation: paused.organisation }, actor, {
        kind: "sandbox.resumed",
        outcome: "failed",
        data,
      });
      throw error;
    }
  }

  /** Whether its doors let it go on: such a sandbox is paused by itself, too. */
  isWoken(id: string): boolean {
    return this.#paused.get(id)?.record.onIdle === "pause";
  }

  /** Lets a paused sandbox go on for a visitor; resolves also if it runs already, or has ended. @throws {ApiError} */
  async wake(id: string, actor: Actor): Promise<void> {
    for (;;) {
      const paused = this.#paused.get(id);
      if (!paused) return;
      if (!paused.busy) return void (await this.#resume(paused, {}, actor));
      // If that fails, this attempt says why.
      await paused.busy.over.catch(() => {});
    }
  }

  publisher(id: string): ((actor: Actor, body: EventBody) => void) | null {
    const paused = this.#paused.get(id);
    if (!paused) return null;
    const { organisation } = paused;
    return (actor, body) => this.#publish({ id, organisation }, actor, body);
  }

  /**
   * Ends a paused sandbox and removes everything of it. If somebody does that already, waits for it.
   *
   * @returns false if it is not paused (any more)
   */
  async end(id: string, stop: Stop): Promise<boolean> {
    for (;;) {
      const paused = this.#paused.get(id);
      if (!paused) return false;
      if (!paused.busy) {
        await this.#exclusively(paused, "removed", () => this.#remove(paused, stop));
        return true;
      }
      const { what, over } = paused.busy;
      const done = await over.then(
        () => true,
        () => false,
      );
      if (done && what === "removed") return true;
    }
  }

  /** Removes those that have been paused for too long, and what no record knows. Never rejects. */
  async expire(): Promise<void> {
    const { now } = this.#clock;
    for (const { record, host, busy } of [...this.#paused.values()]) {
      if (busy || this.removedAt(record)! > now || !this.#context.hosts.get(host)) continue;
      await this.end(record.id, timeoutStop).catch((err: unknown) =>
        this.#context.log.error({ err, sandbox: record.id }, "a sandbox that was paused for too long stays for now"),
      );
    }
    await this.#removeOrphans();
  }

  async #removeOrphans(): Promise<void> {
    const { hosts, leases, log, store } = this.#context;
    for (const host of hosts.all) {
      try {
        // In this order: one that is being paused is recorded first.
        const present = new Set(await host.paused(leases.owner));
        const recorded = new Set(present.size === 0 ? [] : await store.idsOn(host.id));
        await this.#orphans.look({ host: host.id, present, recorded, remove: (id) => host.removePaused(id) });
      } catch (err) {
        log.error({ err, host: host.id }, "could not compare the paused machines of a host with the records");
      }
    }
  }

  /**
   * After a start or a takeover: adds one that its host has.
   *
   * @param options.seen false if the host is not there, so that it only may have it: the start that sees it decides
   */
  async adopt({ record, slug, host, egress, usage, pausingAt }: RunningSandbox, { seen = true } = {}): Promise<void> {
    const { leases, store, storage } = this.#context;
    const organisation = { id: record.organisation, slug };
    let { pausedAt } = record;
    if (pausedAt === null || pausingAt !== null) {
      // The server was killed while it was being paused.
      pausedAt = pausingAt ?? Date.now();
      if (seen) {
        await store.setPaused(leases.owner, record.id, pausedAt, null);
        const data = { why: "requested", durationMs: 0 } as const;
        this.#publish({ id: record.id, organisation }, SYSTEM, { kind: "sandbox.paused", outcome: "ok", data });
      }
    }
    // The store returns it as it was stored.
    const stored = (egress as EgressSpec | null) ?? policyOf(record.network);
    const spec = await this.#withoutLost(record, organisation, stored);
    this.#paused.set(record.id, {
      record: { ...record, status: "paused", pausedAt },
      organisation,
      host,
      egress: spec,
      usage: usage as UsageCounters | null,
      attached: await storage.disks.attachedTo(record.id),
      leave: this.#places.enter(organisation.id, true),
      busy: null,
    });
  }

  /** What a sandbox may reach, without the secrets if their key is gone. */
  async #withoutLost(
    record: SandboxRecord,
    organisation: { id: string; slug: string },
    { policy, secrets }: EgressSpec,
  ): Promise<EgressSpec> {
    const { leases, sealedIsLost, store } = this.#context;
    if (sealedIsLost === null || secrets.length === 0) return { policy, secrets };
    const left: EgressSpec = { policy, secrets: [] };
    record.network = networkRecord(left);
    await store.setNetwork(leases.owner, record.id, record.network, left);
    const error = `The secrets ${secrets.map(({ name }) => name).join(", ")} are lost: ${sealedIsLost} Set them again.`;
    const data = { change: "restored", error } as const;
    this.#publish({ id: record.id, organisation }, SYSTEM, { kind: "egress.changed", outcome: "failed", data });
    return left;
  }

  /** Lets go of those that another control plane has taken over. */
  release(ids: ReadonlySet<string>): void {
    for (const paused of [...this.#paused.values()]) {
      if (!ids.has(paused.record.id)) continue;
      this.#context.doors.forget(paused.record.id);
      this.#forget(paused);
    }
  }

  async #remove(paused: PausedSandbox, { why, actor }: Stop): Promise<void> {
    const { store, leases, log } = this.#context;
    const { record, organisation, host } = paused;
    await this.#host(host).removePaused(record.id);
    const now = Date.now();
    const stopped = await store.setStopped(leases.owner, record.id, now, why);
    const doors = this.#context.doors.forget(record.id);
    this.#forget(paused);
    if (!stopped) return;
    const sandbox = { id: record.id, organisation };
    for (const { closedWithSandbox } of doors) this.#publish(sandbox, actor, closedWithSandbox);
    const data = { why, lifetimeMs: now - record.createdAt };
    this.#publish(sandbox, actor, { kind: "sandbox.stopped", outcome: "ok", data });
    log.info({ sandbox: record.id, why }, "paused sandbox removed");
  }

  #forget(paused: PausedSandbox): void {
    if (this.#paused.get(paused.record.id) === paused) this.#paused.delete(paused.record.id);
    paused.leave();
  }

  #find(id: string, principal: Principal): PausedSandbox {
    const paused = this.#paused.get(id);
    if (!paused || !this.has(id, principal)) throw new ApiError("SANDBOX_NOT_FOUND");
    return paused;
  }

  /** @throws {ApiError} `CHANGED_MEANWHILE` */
  async #exclusively<Result>(paused: PausedSandbox, what: string, work: () => Promise<Result>): Promise<Result> {
    if (paused.busy) throw new ApiError("CHANGED_MEANWHILE", `The sandbox is being ${paused.busy.what} already.`);
    const over = work();
    paused.busy = { what, over };
    try {
      return await over;
    } finally {
      paused.busy = null;
    }
  }

  #host(id: string): Host {
    const host = this.#context.hosts.get(id);
    if (!host) throw new ApiError("HOST_NOT_READY", "The sandbox is on a computer that this server does not use.");
    return host;
  }

  #publish(
    { id, organisation }: { id: string; organisation: { id: string; slug: string } },
    actor: Actor,
    body: EventBody,
  ): void {
    this.#context.events.publish({ organisation, sandbox: id, actor }, body);
  }
}

/** What a sandbox has used so far, or until its machine ended. */
async function countersOf(sandbox: Sandbox): Promise<UsageCounters> {
  const { memoryBytes: _, ...counters } = await sandbox.usage();
  return counters;
}
