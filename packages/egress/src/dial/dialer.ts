/** From a host that policy allows to a connection: the address that is dialled is the address that was checked. */
import type { EgressConfig } from "../contract.ts";
import { NoSuchName, parseStaticHosts, Resolver, type StaticHost } from "../dns/resolver.ts";
import { type Address, type HostRef, hostText, type Policy } from "../policy/mod.ts";
import { connectFirst, type Dialled } from "./connect.ts";
import { DialError } from "./error.ts";
import { isOwn } from "./own-addresses.ts";
import { connectThrough } from "./upstream-proxy.ts";

/** Where a host leads: addresses that may be dialled. */
export interface Route {
  addresses: Address[];
  port: number;
  /** Whether configuration says where it leads. */
  fixed: boolean;
}

/** Shared by all sandboxes. */
export class Dialer {
  readonly resolver: Resolver;
  readonly #hosts: Map<string, StaticHost>;
  readonly #proxy: URL | null;

  /** @throws {Error} for settings that cannot be used, with the reason */
  constructor(config: Pick<EgressConfig, "hosts" | "dnsServers" | "upstreamProxy">) {
    this.resolver = new Resolver(config.dnsServers);
    this.#hosts = parseStaticHosts(config.hosts);
    this.#proxy = config.upstreamProxy === null ? null : new URL(config.upstreamProxy);
  }

  /** Whether configuration gives the name an address. */
  isStatic(name: string): boolean {
    return this.#hosts.has(name);
  }

  /**
   * Dials a host whose name, or address, policy allows.
   *
   * @throws {DialError}
   */
  async dial(policy: Policy, host: HostRef, port: number, signal: AbortSignal): Promise<Dialled> {
    if (this.#proxy && !("name" in host && this.isStatic(host.name))) {
      await this.#checkForProxy(policy, host, port);
      const text = "name" in host ? host.name : host.address.family === 6 ? `[${host.address.text}]` : host.address.text;
      return connectThrough(this.#proxy, `${text}:${port}`, signal);
    }
    const route = await this.route(policy, host, port);
    return connectFirst(route.addresses, route.port, signal);
  }

  /**
   * The addresses that a host leads to and policy lets be dialled.
   *
   * @throws {DialError}
   */
  async route(policy: Policy, host: HostRef, port: number): Promise<Route> {
    if ("name" in host) {
      const fixed = this.#hosts.get(host.name);
      // Configuration says so, so it may be inner.
      if (fixed) return { addresses: [fixed.address], port: fixed.port ?? port, fixed: true };
    }
    const addresses = "name" in host ? await this.#resolve(host.name) : [host.address];
    const judged = addresses.map((address) => ({ address, ...policy.judgeDial(address, port, isOwn) }));
    const allowed = judged.filter((one) => one.allowed).map((one) => one.address);
    if (allowed.length > 0) return { addresses: allowed, port, fixed: false };
    const [first] = judged;
    throw new DialError(`${hostText(host)}: ${first?.reason ?? "it has no address."}`, { errno: "ECONNREFUSED", denied: true, rule: first?.rule ?? null });
  }

  async #resolve(name: string): Promise<Address[]> {
    try {
      return await this.resolver.addressesOf(name);
    } catch (error) {
      throw new DialError((error as Error).message, { errno: error instanceof NoSuchName ? "EHOSTUNREACH" : "ENETUNREACH" });
    }
  }

  /** The other proxy resolves the name. What can be known here still counts: no inner address that this host can see. */
  async #checkForProxy(policy: Policy, host: HostRef, port: number): Promise<void> {
    try {
      await this.route(policy, host, port);
    } catch (error) {
      if (error instanceof DialError && error.denied) throw error;
    }
  }
}
