import type { Logger } from "@sandkeep/common";
import type { SandboxLease, SandboxStore } from "@sandkeep/store";

/**
 * What a control plane that is gone had is another's after this time, milliseconds. Clocks of control planes on one store may differ by
 * less; a stop of the whole process (a debugger, a suspended computer) may take longer, and then its sandboxes may be another's.
 */
export const LEASE_MS = 60_000;
/** Between renewals, milliseconds: two may fail. */
const RENEW_MS = 20_000;

export interface SandboxLeasesOptions {
  /** Id of this control plane. */
  owner: string;
  store: SandboxStore;
  log: Logger;
}

/** This control plane's leases on its sandboxes: one write renews them all. */
export class SandboxLeases implements AsyncDisposable {
  readonly owner: string;
  readonly #store: SandboxStore;
  readonly #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor({ owner, store, log }: SandboxLeasesOptions) {
    this.owner = owner;
    this.#store = store;
    this.#log = log;
  }

  /** A lease from now on. */
  on(host: string): SandboxLease {
    return { host, owner: this.owner, expiresAt: Date.now() + LEASE_MS };
  }

  /**
   * Extends the leases of what runs.
   *
   * @param running Ids of what this process has.
   * @returns Those that are another control plane's by now.
   */
  async renew(running: readonly string[]): Promise<string[]> {
    if (running.length === 0) return [];
    const renewed = await this.#store.renewLeases(this.owner, Date.now() + LEASE_MS);
    if (renewed >= running.length) return [];
    const owned = new Set((await this.#store.running(this.owner)).map(({ record }) => record.id));
    return running.filter((id) => !owned.has(id));
  }

  /** Does what is to be done with each renewal, again and again until this is disposed of. */
  keep(turn: () => Promise<void>): void {
    this.#timer = setInterval(() => {
      this.#turn = this.#turn.then(turn).catch((err: unknown) => this.#log.error({ err }, "leases were not renewed"));
    }, RENEW_MS).unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn;
  }
}
