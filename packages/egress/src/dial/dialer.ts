/** Connects to hosts that policy allows. The address that is dialled is the address that was checked. */
import type { EgressConfig } from "../contract.ts";
import { NoSuchName, parseStaticHosts, Resolver, type StaticHost } from "../dns/resolver.ts";
import { type Address, type Decision, hostText } from "../policy/mod.ts";
import { connectFirst, type Dialled, type Route, unwanted } from "./connect.ts";
import { DialError, denial } from "./error.ts";
import { connectThrough } from "./upstream-proxy.ts";
import { decideRoutes, type Wanted } from "./wanted.ts";

/** Shared by all sandboxes. */
export class Dialer {
  readonly resolver: Resolver;
  readonly #followsSystem: boolean;
  readonly #hosts: Map<string, StaticHost>;
  readonly #proxy: URL | null;

  /** @throws {Error} if a setting is invalid */
  constructor(
    config: Pick<EgressConfig, "hosts" | "dnsServers" | "upstreamProxy"> & {
      /** Default: those of `/etc/resolv.conf`. */
      systemResolvers?: readonly string[];
    },
  ) {
    this.#followsSystem = config.dnsServers.length === 0;
    this.resolver = new Resolver(this.#followsSystem ? (config.systemResolvers ?? []) : config.dnsServers);
    this.#hosts = parseStaticHosts(config.hosts);
    this.#proxy = config.upstreamProxy === null ? null : new URL(config.upstreamProxy);
  }

  /** The system's resolvers have changed. */
  useSystemResolvers(servers: readonly string[]): void {
    if (this.#followsSystem) this.resolver.use(servers);
  }

  /** Whether the configuration gives the name an address. */
  isStatic(name: string): boolean {
    return this.#hosts.has(name);
  }

  /**
   * Dials a host. Aborts at once if policy does not allow it, or stops allowing it in the meantime.
   *
   * @throws {DialError}
   */
  dial(wanted: Wanted, signal: AbortSignal): Promise<Dialled> {
    return whileAllowed(wanted, signal, async (signal) => {
      if (this.#isProxied(wanted)) {
        const addresses = await this.#knownAddresses(wanted, signal);
        return connectThrough(this.#proxy!, wanted, addresses, signal);
      }
      return connectFirst(await this.#route(wanted, signal), wanted, signal);
    });
  }

  /**
   * Checks a host that an HTTP proxy chosen by the sandbox is to dial, including the addresses that can be resolved here.
   *
   * @returns repeats the decision with the policy of the moment
   * @throws {DialError}
   */
  async decideIndirect(wanted: Wanted, signal: AbortSignal): Promise<() => Decision> {
    const { host } = wanted;
    if ("name" in host && this.isStatic(host.name)) return () => wanted.decide();
    const addresses = await whileAllowed(wanted, signal, (signal) => this.#knownAddresses(wanted, signal));
    return () => decideRoutes(wanted, addresses);
  }

  /**
   * The addresses that datagrams for a host may be sent to.
   *
   * @throws {DialError}
   */
  datagramRoute(wanted: Wanted, signal: AbortSignal): Promise<Route> {
    return whileAllowed(wanted, signal, (signal) => {
      if (this.#isProxied(wanted))
        throw denial({ reason: "The configured upstream proxy cannot carry UDP.", rule: null });
      return this.#route(wanted, signal);
    });
  }

  #isProxied({ host }: Wanted): boolean {
    return this.#proxy !== null && !("name" in host && this.isStatic(host.name));
  }

  async #route(wanted: Wanted, signal: AbortSignal): Promise<Route> {
    const { host, port } = wanted;
    if ("name" in host) {
      const fixed = this.#hosts.get(host.name);
      // The address comes from the configuration, so it may be internal.
      if (fixed) return { addresses: [fixed.address], port: fixed.port ?? port, fixed: true };
    }
    const addresses = "name" in host ? await this.#resolve(host.name, signal) : [host.address];
    const checked = addresses.map((address) => ({ address, ...wanted.decideAddress(address) }));
    const allowed = checked.filter((one) => one.allowed).map((one) => one.address);
    if (allowed.length > 0) return { addresses: allowed, port, fixed: false };
    const [first] = checked;
    throw denial({ reason: `${hostText(host)}: ${first?.reason ?? "it has no address."}`, rule: first?.rule ?? null });
  }

  async #resolve(name: string, signal: AbortSignal): Promise<Address[]> {
    const { promise: given, reject } = Promise.withResolvers<never>();
    const giveUp = () => reject(unwanted(signal));
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      // The lookup itself continues: others may be waiting for the same name.
      return await Promise.race([this.resolver.addressesOf(name), given]);
    } catch (error) {
      if (error instanceof DialError) throw error;
      throw new DialError((error as Error).message, {
        errno: error instanceof NoSuchName ? "EHOSTUNREACH" : "ENETUNREACH",
      });
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** The addresses that can be resolved here for a host that another proxy will look up. That proxy picks one, so all must be allowed. */
  async #knownAddresses(wanted: Wanted, signal: AbortSignal): Promise<Address[]> {
    const { host } = wanted;
    let addresses: Address[];
    try {
      addresses = "name" in host ? await this.#resolve(host.name, signal) : [host.address];
    } catch (error) {
      if (signal.aborted) throw error;
      return [];
    }
    const refused = addresses.map((address) => wanted.decideAddress(address)).find(({ allowed }) => !allowed);
    if (refused) throw denial({ reason: `${hostText(host)}: ${refused.reason}`, rule: refused.rule });
    return addresses;
  }
}

/** Runs work that takes a while, and aborts it when policy no longer allows its target. */
async function whileAllowed<T>(
  wanted: Wanted,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Cheaper than AbortSignal.any; this runs for every connection.
  const ended = new AbortController();
  const giveUp = () => ended.abort(signal.reason);
  signal.addEventListener("abort", giveUp, { once: true });
  const release = wanted.hold(
    () => wanted.decide(),
    (why) => ended.abort(denial(why)),
  );
  try {
    if (signal.aborted) giveUp();
    if (ended.signal.aborted) throw unwanted(ended.signal);
    return await work(ended.signal);
  } finally {
    release();
    signal.removeEventListener("abort", giveUp);
  }
}
