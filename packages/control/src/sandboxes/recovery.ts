import type { EgressSpec } from "@sandkeep/egress";
import type { Host, Machine } from "@sandkeep/host";
import type { AttachedDisk, RunningSandbox } from "@sandkeep/store";
import { policyOf } from "../egress/views.ts";
import type { PausedSandboxes } from "../forks/paused-sandboxes.ts";
import { recoveredStop } from "./lifetime.ts";
import type { SandboxesContext } from "./options.ts";
import { Sandbox } from "./sandbox.ts";
import { restartStop } from "./stop.ts";

/** Sandboxes of one control plane on one host that are this one's now. */
interface Taken {
  from: string;
  host: string;
  ids: Set<string>;
}

/** The sandboxes of this server, as recovery sees them. */
export interface RecoveredSandboxes {
  running(): Sandbox[];
  /** Adds a sandbox. */
  take(sandbox: Sandbox): void;
  readonly paused: Pick<PausedSandboxes, "ids" | "adopt" | "release" | "expire">;
}

/**
 * Lets sandboxes outlive control planes: each control plane manages its own, and takes over those whose owner's lease
 * has expired.
 */
export class Recovery {
  readonly #options: SandboxesContext;
  readonly #sandboxes: RecoveredSandboxes;
  /** Taken over in the store, while their host failed: it is asked again with the next renewal. */
  #unrestored: Taken[] = [];
  /** Removes what has been paused for too long. */
  #expiring: Promise<void> | null = null;

  constructor(options: SandboxesContext, sandboxes: RecoveredSandboxes) {
    this.#options = options;
    this.#sandboxes = sandboxes;
  }

  /**
   * Takes over sandboxes that an earlier process of this control plane left running and that may continue; records all
   * others as stopped. From then on renews the leases.
   */
  async start(): Promise<void> {
    const { store, hosts, leases } = this.#options;
    const { owner } = leases;
    await store.claimUnowned(leases.on(hosts.all[0]!.id));
    await store.renewLeases(owner, leases.on("").expiresAt);
    const left = await store.running(owner);
    const elsewhere = left.filter(({ host }) => !hosts.get(host));
    await Promise.all([
      ...hosts.all.map((host) =>
        this.#restore(
          left.filter((one) => one.host === host.id),
          host,
          owner,
        ),
      ),
      // Their hosts are not this server's now, and may be again. What is paused there, or may be, is safe.
      ...elsewhere.map((one) =>
        one.record.status === "paused" || one.pausingAt !== null
          ? this.#sandboxes.paused.adopt(one, { seen: false })
          : this.#noteStopped(one),
      ),
    ]);
    await this.#takeOverExpired();
    this.#expire();
    leases.keep(async () => {
      await this.#renew();
      await this.#takeOverExpired();
      this.#expire();
    });
  }

  /** Nobody waits for it: removing much data takes longer than a start may, or a lease lasts. */
  #expire(): void {
    this.#expiring ??= this.#sandboxes.paused.expire().finally(() => (this.#expiring = null));
  }

  /** Resolves when nothing is being removed any more. */
  async settled(): Promise<void> {
    await this.#expiring;
  }

  /** Extends the leases of all running sandboxes; lets go of those that another control plane has taken over. */
  async #renew(): Promise<void> {
    const { paused } = this.#sandboxes;
    const running = this.#sandboxes.running().filter((sandbox) => !sandbox.isEnding);
    const lost = new Set(await this.#options.leases.renew([...running.map(({ id }) => id), ...paused.ids]));
    paused.release(lost);
    for (const sandbox of running.filter(({ id, isEnding }) => lost.has(id) && !isEnding)) {
      this.#options.log.error({ sandbox: sandbox.id }, "another control plane has taken this sandbox over");
      await sandbox.letGo("Another server has taken over this sandbox.");
    }
  }

  /** Takes over sandboxes on this server's hosts whose control plane is gone. */
  async #takeOverExpired(): Promise<void> {
    const { store, hosts, leases, log } = this.#options;
    const expired = await store.expired(leases.owner, hosts.ids, Date.now());
    for (const group of Map.groupBy(expired, ({ owner, host }) => `${owner} ${host}`).values()) {
      const { owner: from, host } = group[0]!;
      if ((await store.takeOver(from, leases.on(host), Date.now())) === 0) continue;
      log.warn({ from, host, sandboxes: group.length }, "taking over sandboxes of a control plane that is gone");
      this.#unrestored.push({ from, host, ids: new Set(group.map(({ id }) => id)) });
    }
    for (const taken of this.#unrestored.splice(0)) {
      const { from, host, ids } = taken;
      try {
        const known = new Set([...this.#sandboxes.running().map(({ id }) => id), ...this.#sandboxes.paused.ids]);
        const left = (await store.running(leases.owner)).filter(({ record: { id } }) => ids.has(id) && !known.has(id));
        await this.#restore(left, hosts.get(host)!, from);
      } catch (err) {
        log.error({ err, from, host }, "sandboxes of a control plane that is gone could not be restored yet");
        this.#unrestored.push(taken);
      }
    }
  }

  /** Takes over the sandboxes that run or are paused on one host, and records the others as stopped. */
  async #restore(left: RunningSandbox[], host: Host, from: string): Promise<void> {
    const { doors, leases, log } = this.#options;
    const now = Date.now();
    await doors.load(leases.owner);
    const wanted = left.filter((one) => isWanted(one, now)).map(({ record }) => record.id);
    const machines = new Map((await host.adopt(leases.owner, wanted, from)).map((machine) => [machine.id, machine]));
    const onDisk = new Set([...(await host.paused(leases.owner)), ...(await host.paused(from))]);
    const restored: Promise<void>[] = [];
    for (const one of left) {
      const { id } = one.record;
      const machine = machines.get(id);
      if (machine) restored.push(this.#goOn(await this.#takeOver(one, machine, host), one));
      // What the host has counts: the server may have been killed before that was stored.
      else if (onDisk.has(id)) await this.#sandboxes.paused.adopt(one);
      else await this.#noteStopped(one);
    }
    await Promise.all(restored);
    if (left.length > 0) {
      const paused = left.filter(({ record }) => onDisk.has(record.id) && !machines.has(record.id)).length;
      log.info(
        { adopted: machines.size, paused, stopped: left.length - machines.size - paused },
        "found sandboxes of an earlier process",
      );
    }
  }

  /** Restores what a sandbox may reach. If it is a session that was being paused, that is finished: it has no client. */
  async #goOn(sandbox: Sandbox, { record, pausingAt }: RunningSandbox): Promise<void> {
    const { pauseInstead, sealedIsLost } = this.#options;
    const restored = sandbox.egress.restore(sealedIsLost);
    if (pausingAt !== null && record.stopAt === null) {
      sandbox.keep();
      void pauseInstead(sandbox, restartStop);
    }
    await restored;
  }

  /** Takes over a sandbox whose machine runs. What it may reach is still to be restored. */
  async #takeOver({ record, slug, egress, pausingAt }: RunningSandbox, machine: Machine, host: Host): Promise<Sandbox> {
    const { events, leases, limits, store } = this.#options;
    const organisation = { id: record.organisation, slug };
    // The store returns it as it was stored.
    const spec = (egress as EgressSpec | null) ?? policyOf(record.network);
    let running = record;
    if (record.status === "paused") {
      // The server was killed while it was being resumed.
      const stopAt = recoveredStop(record, Date.now(), limits.maxLifetimeMs);
      await store.setResumed(leases.owner, record.id, stopAt, spec);
      running = { ...record, status: "running", pausedAt: null, stopAt };
    } else if (pausingAt !== null && record.stopAt !== null) {
      // It goes on, although its time may have passed: who asked for the pause wanted to keep it.
      await store.setNotPaused(leases.owner, record.id);
      if (record.stopAt <= Date.now() && record.onIdle === "end") {
        const left = { stopAt: record.stopAt, pausedAt: pausingAt };
        const stopAt = recoveredStop(left, Date.now(), limits.maxLifetimeMs);
        await store.setStopAt(leases.owner, record.id, stopAt, spec);
        running = { ...record, stopAt };
      }
    }
    const placed = { host: host.id, attached: await this.#attachedTo(machine) };
    const sandbox = new Sandbox(machine, running, organisation, spec, placed, this.#options);
    if (record.status === "paused") sandbox.keep();
    this.#sandboxes.take(sandbox);
    const subject = { organisation, sandbox: record.id, actor: { kind: "system" } } as const;
    const data = { stopAtMs: running.stopAt };
    events.publish(subject, { kind: "sandbox.adopted", outcome: "ok", data });
    return sandbox;
  }

  /** The disks of a machine, without a volume that the server did not get to attach before it was killed. */
  async #attachedTo(machine: Machine): Promise<AttachedDisk[]> {
    const { disks } = this.#options.storage;
    const attached: AttachedDisk[] = [];
    for (const one of await disks.attachedTo(machine.id)) {
      if (one.path === null || machine.disks.some(({ volume }) => volume === one.disk)) attached.push(one);
      else await disks.detach(machine.id, one.disk);
    }
    return attached;
  }

  async #noteStopped({ record, slug }: RunningSandbox): Promise<void> {
    const now = Date.now();
    const ends = record.status === "running" && record.onIdle !== "pause";
    const timedOut = ends && record.stopAt !== null && record.stopAt <= now;
    const why = timedOut ? "timeout" : "server-restarted";
    const stoppedAt = timedOut ? (record.stopAt as number) : now;
    const { doors, events, store, leases } = this.#options;
    const closed = doors.forget(record.id);
    if (!(await store.setStopped(leases.owner, record.id, stoppedAt, why))) return;
    const organisation = { id: record.organisation, slug };
    const subject = { organisation, sandbox: record.id, actor: { kind: "system" } } as const;
    for (const { closedWithSandbox } of closed) events.publish(subject, closedWithSandbox);
    events.publish(subject, {
      kind: "sandbox.stopped",
      outcome: timedOut ? "ok" : "failed",
      data: { why, lifetimeMs: stoppedAt - record.createdAt },
    });
  }
}

/** Whether a machine is to go on: its sandbox has time left, or was or would be paused. */
function isWanted({ record: { onIdle, status, stopAt }, pausingAt }: RunningSandbox, now: number): boolean {
  if (status === "paused" || pausingAt !== null) return true;
  return stopAt !== null && (stopAt > now || onIdle === "pause");
}
