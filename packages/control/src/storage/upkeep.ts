import type { Host } from "@sandkeep/host";
import { Orphans } from "../expiry/orphans.ts";
import { SteadyClock } from "../expiry/steady-clock.ts";
import { graceMs, type StorageContext, storageOf } from "./context.ts";
import { removeData } from "./delete.ts";

/** How often it looks, milliseconds. Deleted data is kept for hours. */
const EVERY_MS = 60_000;
/** A creation that takes longer belongs to a control plane that is gone, milliseconds. */
const ABANDONED_MS = 60 * 60_000;

/** Brings records and data together again after a crash, and removes the data of what was deleted long enough ago. */
export class Upkeep implements AsyncDisposable {
  readonly #context: StorageContext;
  readonly #also: () => Promise<void>;
  readonly #orphans: Orphans;
  readonly #clock = new SteadyClock();
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();

  /** @param also What else is tried again every time. Never rejects. */
  constructor(context: StorageContext, also: () => Promise<void> = async () => {}) {
    this.#context = context;
    this.#also = also;
    this.#orphans = new Orphans({ what: "a disk", keepMs: graceMs(context), log: context.log });
  }

  /** Removes what an earlier process of this control plane left behind; from then on looks regularly. */
  async start(): Promise<void> {
    await this.#removeRemains(this.#context.owner);
    for (const host of this.#context.hosts.all) await this.#compare(host, true);
    this.#timer = setInterval(() => {
      this.#turn = this.#turn.then(() => this.look());
    }, EVERY_MS).unref();
  }

  /** Does now what is due. */
  async look(): Promise<void> {
    await this.#also();
    await this.#removeRemains(null);
    for (const host of this.#context.hosts.all) await this.#compare(host, false);
  }

  /** @param owner Its unfinished creations are removed; null: only those that nobody can still be working on. */
  async #removeRemains(owner: string | null): Promise<void> {
    const { disks, hosts, log } = this.#context;
    const { now } = this.#clock;
    const remains = await disks
      .remains(hosts.ids, { owner, createdBefore: now - ABANDONED_MS, deletedBefore: now - graceMs(this.#context) })
      .catch((err: unknown) => (log.error({ err }, "could not look for deleted volumes and snapshots"), []));
    for (const disk of remains) {
      if (this.#context.creating.has(disk.id)) continue;
      try {
        if (disk.state === "creating") {
          await storageOf(this.#context, disk).remove(disk.id);
          await disks.remove(disk.id);
          log.warn({ disk: disk.id, slug: disk.slug }, `removed an unfinished ${disk.kind}`);
        } else if (disk.state === "removing" || (await disks.setRemoving(disk.id))) {
          const organisation = { id: disk.organisation, slug: disk.organisationSlug };
          await removeData(this.#context, disk, organisation, { kind: "system" });
        }
      } catch (err) {
        log.error({ err, disk: disk.id }, "could not remove data; trying again later");
      }
    }
  }

  /** Compares a host's disks with the records. */
  async #compare(host: Host, report: boolean): Promise<void> {
    const { disks, log } = this.#context;
    try {
      const present = new Set(await host.storage.list());
      const recorded = new Set(await disks.idsOn(host.id));
      await this.#orphans.look({ host: host.id, present, recorded, remove: (id) => host.storage.remove(id) });
      if (!report) return;
      const missing = [...recorded].filter((id) => !present.has(id));
      if (missing.length > 0) log.error({ host: host.id, disks: missing }, "the data of these disks is missing");
      for (const [id, capacity] of await disks.capacitiesOn(host.id))
        if (present.has(id)) await this.#correct(host, id, capacity);
    } catch (err) {
      log.error({ err, host: host.id }, "could not compare the disks of a host with the records");
    }
  }

  /** The server may have been killed while a volume grew: what the host has counts. */
  async #correct(host: Host, id: string, recorded: number): Promise<void> {
    const { disks, growing, log } = this.#context;
    await growing.run(id, async () => {
      const actual = await host.storage.facts(id).then(
        ({ capacityBytes }) => capacityBytes,
        // What is wrong with it is said to who uses it.
        () => recorded,
      );
      if (actual === recorded) return;
      await disks.correctCapacity(id, recorded, actual);
      log.warn({ volume: id, recorded, actual }, "corrected the capacity of a volume whose growth was interrupted");
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn;
  }
}
