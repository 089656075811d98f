import type { Logger } from "@sandkeep/common";
import type { SandboxLease, SandboxStore } from "@sandkeep/store";

/**
 * Another control plane may take over sandboxes whose lease was not renewed for this long, milliseconds. Clocks of
 * control planes on one store must differ by less. A process that is stopped for longer (by a debugger, or with its
 * computer) may lose its sandboxes to another.
 */
export const LEASE_MS = 60_000;
/** Time between renewals, milliseconds: two in a row may fail. */
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

  /** A lease that starts now. */
  on(host: string): SandboxLease {
    return { host, owner: this.owner, expiresAt: Date.now() + LEASE_MS };
  }

  /**
   * Extends the leases of running and paused sandboxes.
   *
   * @param known Ids of the sandboxes of this process.
   * @returns those that another control plane has taken over
   */
  async renew(known: readonly string[]): Promise<string[]> {
    const owned = new Set(await this.#store.renewLeases(this.owner, Date.now() + LEASE_MS));
    return known.filter((id) => !owned.has(id));
  }

  /** Runs `work` with each renewal, until this is disposed of. */
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
