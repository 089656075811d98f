import type { Logger } from "@sandkeep/common";

/** What one host has, and what is recorded of it. */
export interface Inventory {
  /** Id of the host. */
  host: string;
  present: ReadonlySet<string>;
  recorded: ReadonlySet<string>;
  remove(id: string): Promise<void>;
}

/** Data on hosts without a record. It may belong to a restored database, so it is only removed after a while. */
export class Orphans {
  /** By host and id: since when it is known, by the monotonic clock. */
  readonly #since = new Map<string, number>();
  readonly #what: string;
  readonly #keepMs: number;
  readonly #log: Logger;

  /** @param options.what for people: what this is, such as "a disk" */
  constructor({ what, keepMs, log }: { what: string; keepMs: number; log: Logger }) {
    this.#what = what;
    this.#keepMs = keepMs;
    this.#log = log;
  }

  /** Notes new ones of a host, and removes those that it has had for long enough. What cannot be removed is tried again next time. */
  async look({ host, present, recorded, remove }: Inventory): Promise<void> {
    for (const key of [...this.#since.keys()]) {
      const [at, id = ""] = key.split(" ");
      if (at === host && (!present.has(id) || recorded.has(id))) this.#since.delete(key);
    }
    for (const id of present) {
      if (recorded.has(id)) continue;
      const key = `${host} ${id}`;
      const since = this.#since.get(key);
      if (since === undefined) {
        this.#since.set(key, performance.now());
        this.#log.warn({ host, id, keepMs: this.#keepMs }, `${this.#what} has no record; its data will be removed`);
      } else if (performance.now() - since >= this.#keepMs) {
        try {
          await remove(id);
        } catch (err) {
          this.#log.error({ err, host, id }, `could not remove the data of ${this.#what} that has no record`);
          continue;
        }
        this.#since.delete(key);
        this.#log.warn({ host, id }, `removed the data of ${this.#what} that has no record`);
      }
    }
  }
}
