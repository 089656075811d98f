import type { Host } from "@sandkeep/host";
import { graceMs, type StorageContext, storageOf } from "./context.ts";
import { removeData } from "./delete.ts";

/** How often it looks, milliseconds. Deleted data is kept for hours. */
const EVERY_MS = 60_000;
/** A creation that takes longer belongs to a control plane that is gone, milliseconds. */
const ABANDONED_MS = 60 * 60_000;

/** Brings records and data together again after a crash, and removes the data of what was deleted long enough ago. */
export class Upkeep implements AsyncDisposable {
  readonly #context: StorageContext;
  /** Data without a record, by host and id: since when it is known, by the monotonic clock. */
  readonly #orphans = new Map<string, number>();
  /** By how much the wall clock was ahead of the monotonic one at the start, milliseconds. */
  readonly #aheadMs = Date.now() - performance.now();
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(context: StorageContext) {
    this.#context = context;
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
    await this.#removeRemains(null);
    for (const host of this.#context.hosts.all) await this.#compare(host, false);
  }

  /** Now; a clock that is set forward lets nothing expire before its time. */
  get #now(): number {
    return Math.min(Date.now(), performance.now() + this.#aheadMs);
  }

  /** @param owner Its unfinished creations are removed; null: only those that nobody can still be working on. */
  async #removeRemains(owner: string | null): Promise<void> {
    const { disks, hosts, log } = this.#context;
    const now = this.#now;
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

  /** Compares a host's disks with the records. Data without a record may belong to a restored database, so it stays for a while. */
  async #compare(host: Host, report: boolean): Promise<void> {
    const { disks, log } = this.#context;
    try {
      const present = new Set(await host.storage.list());
      const recorded = new Set(await disks.idsOn(host.id));
      for (const key of [...this.#orphans.keys()]) {
        const [at, id = ""] = key.split(" ");
        if (at === host.id && (!present.has(id) || recorded.has(id))) this.#orphans.delete(key);
      }
      for (const id of present) if (!recorded.has(id)) await this.#orphan(host, id);
      if (!report) return;
      const missing = [...recorded].filter((id) => !present.has(id));
      if (missing.length > 0) log.error({ host: host.id, disks: missing }, "the data of these disks is missing");
    } catch (err) {
      log.error({ err, host: host.id }, "could not compare the disks of a host with the records");
    }
  }

  async #orphan(host: Host, id: string): Promise<void> {
    const { log } = this.#context;
    const key = `${host.id} ${id}`;
    const since = this.#orphans.get(key);
    if (since === undefined) {
      this.#orphans.set(key, performance.now());
      const { keepDeletedHours } = this.#context.limits;
      log.warn({ host: host.id, disk: id, keepDeletedHours }, "a disk has no record; its data will be removed");
    } else if (performance.now() - since >= graceMs(this.#context)) {
      await host.storage.remove(id);
      this.#orphans.delete(key);
      log.warn({ host: host.id, disk: id }, "removed the data of a disk that has no record");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn;
  }
}
