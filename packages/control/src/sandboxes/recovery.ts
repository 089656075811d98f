import type { EgressSpec } from "@sandkeep/egress";
import type { Host, Machine } from "@sandkeep/host";
import type { AttachedDisk, RunningSandbox } from "@sandkeep/store";
import { policyOf } from "../egress/views.ts";
import type { SandboxesOptions } from "./options.ts";
import { Sandbox } from "./sandbox.ts";

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
}

/**
 * Lets sandboxes outlive control planes: each control plane manages its own, and takes over those whose owner's lease
 * has expired.
 */
export class Recovery {
  readonly #options: SandboxesOptions;
  readonly #sandboxes: RecoveredSandboxes;
  /** Taken over in the store, while their host failed: it is asked again with the next renewal. */
  #unrestored: Taken[] = [];

  constructor(options: SandboxesOptions, sandboxes: RecoveredSandboxes) {
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
    const known = new Set(hosts.ids);
    await Promise.all([
      ...hosts.all.map((host) =>
        this.#restore(
          left.filter((one) => one.host === host.id),
          host,
          owner,
        ),
      ),
      // The host is no longer one of this server's.
      ...left.filter((one) => !known.has(one.host)).map((one) => this.#noteStopped(one)),
    ]);
    await this.#takeOverExpired();
    leases.keep(async () => {
      await this.#renew();
      await this.#takeOverExpired();
    });
  }

  /** Extends the leases of all running sandboxes; lets go of those that another control plane has taken over. */
  async #renew(): Promise<void> {
    const running = this.#sandboxes.running().filter((sandbox) => !sandbox.isEnding);
    const lost = new Set(await this.#options.leases.renew(running.map(({ id }) => id)));
    for (const sandbox of running.filter(({ id, isEnding }) => lost.has(id) && !isEnding)) {
      this.#options.log.error({ sandbox: sandbox.id }, "another control plane has taken this sandbox over");
      await sandbox.leaveRunning("Another server has taken over this sandbox.");
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
        const known = new Set(this.#sandboxes.running().map(({ id }) => id));
        const left = (await store.running(leases.owner)).filter(({ record: { id } }) => ids.has(id) && !known.has(id));
        await this.#restore(left, hosts.get(host)!, from);
      } catch (err) {
        log.error({ err, from, host }, "sandboxes of a control plane that is gone could not be restored yet");
        this.#unrestored.push(taken);
      }
    }
  }

  /** Takes over the sandboxes that run on one host, and records the others as stopped. */
  async #restore(left: RunningSandbox[], host: Host, from: string): Promise<void> {
    const { events, leases, log } = this.#options;
    const now = Date.now();
    const wanted = left
      .filter(({ record: { stopAt } }) => stopAt !== null && stopAt > now)
      .map(({ record }) => record.id);
    const machines = new Map((await host.adopt(leases.owner, wanted, from)).map((machine) => [machine.id, machine]));
    const restored: Promise<void>[] = [];
    for (const one of left) {
      const { slug, record } = one;
      // The store returns it as it was stored.
      const egress = one.egress as EgressSpec | null;
      const organisation = { id: record.organisation, slug };
      const machine = machines.get(record.id);
      if (machine && record.stopAt !== null) {
        const spec = egress ?? policyOf(record.network);
        const placed = { host: host.id, attached: await this.#attachedTo(machine) };
        const sandbox = new Sandbox(machine, record, organisation, spec, placed, this.#options);
        this.#sandboxes.take(sandbox);
        const subject = { organisation, sandbox: record.id, actor: { kind: "system" } } as const;
        events.publish(subject, { kind: "sandbox.adopted", outcome: "ok", data: { stopAtMs: record.stopAt } });
        restored.push(sandbox.egress.restore(this.#options.sealedIsLost));
      } else await this.#noteStopped(one);
    }
    await Promise.all(restored);
    if (left.length > 0)
      log.info(
        { adopted: machines.size, stopped: left.length - machines.size },
        "found sandboxes of an earlier process",
      );
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
    const timedOut = record.stopAt !== null && record.stopAt <= now;
    const why = timedOut ? "timeout" : "server-restarted";
    const stoppedAt = timedOut ? (record.stopAt as number) : now;
    const { store, leases } = this.#options;
    if (!(await store.setStopped(leases.owner, record.id, stoppedAt, why))) return;
    const organisation = { id: record.organisation, slug };
    this.#options.events.publish(
      { organisation, sandbox: record.id, actor: { kind: "system" } },
      {
        kind: "sandbox.stopped",
        outcome: timedOut ? "ok" : "failed",
        data: { why, lifetimeMs: stoppedAt - record.createdAt },
      },
    );
  }
}
