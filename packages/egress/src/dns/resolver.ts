/** The host's name resolution. */
import { promises as dns } from "node:dns";
import { errnoOf } from "@sandkeep/common";
import { type Address, canonicalName, parseAddress } from "../policy/mod.ts";

/** Timeout before a resolver is asked again, milliseconds, and how often it is asked. */
const TIMEOUT_MS = 2_000;
const TRIES = 2;
/** Limits for how long an answer is cached, seconds. Concurrent lookups of one name share a query. */
const MIN_TTL_S = 1;
const MAX_TTL_S = 60;
/** How long a negative answer is cached, seconds. */
const ABSENT_TTL_S = 5;
const MAX_CACHED = 10_000;

/** The name has no addresses. */
export class NoSuchName extends Error {
  override name = "NoSuchName";
}

/** The resolvers gave no usable answer. */
export class ResolverFailed extends Error {
  override name = "ResolverFailed";
}

type Cached = { until: number; answer: Promise<Address[]> };

/** Resolves names to addresses. Shared by all sandboxes. */
export class Resolver {
  #dns!: dns.Resolver;
  readonly #cache = new Map<string, Cached>();

  /** @param servers `ip[:port]`; empty: the system's resolvers */
  constructor(servers: readonly string[]) {
    this.use(servers);
  }

  /** Asks these servers from now on. Queries that are under way are finished with the former ones. */
  use(servers: readonly string[]): void {
    this.#dns = new dns.Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
    if (servers.length > 0) this.#dns.setServers([...servers]);
  }

  /**
   * All addresses of a canonical name, IPv4 first.
   *
   * @throws {NoSuchName | ResolverFailed}
   */
  addressesOf(name: string): Promise<Address[]> {
    const cached = this.#cache.get(name);
    if (cached && cached.until > performance.now()) return cached.answer;
    const entry: Cached = {
      until: Infinity,
      answer: this.#ask(name).then(
        ({ addresses, ttl }) => {
          entry.until = performance.now() + Math.min(MAX_TTL_S, Math.max(MIN_TTL_S, ttl)) * 1_000;
          return addresses;
        },
        (error: unknown) => {
          if (error instanceof NoSuchName) entry.until = performance.now() + ABSENT_TTL_S * 1_000;
          else if (this.#cache.get(name) === entry) this.#cache.delete(name);
          throw error;
        },
      ),
    };
    this.#cache.delete(name);
    this.#cache.set(name, entry);
    if (this.#cache.size > MAX_CACHED) this.#cache.delete(this.#cache.keys().next().value!);
    return entry.answer;
  }

  /** Looks up records of other types, for sandboxes without an allow list; see {@link RECORDS}. */
  records(name: string, type: RecordType): Promise<unknown> {
    return this.#dns.resolve(name, type);
  }

  async #ask(name: string): Promise<{ addresses: Address[]; ttl: number }> {
    const answers = await Promise.allSettled([
      this.#dns.resolve4(name, { ttl: true }),
      this.#dns.resolve6(name, { ttl: true }),
    ]);
    const records = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    const addresses = records.map(({ address }) => parseAddress(address)).filter((address) => address !== null);
    if (addresses.length > 0) return { addresses, ttl: Math.min(...records.map(({ ttl }) => ttl)) };
    const codes = answers.map((answer) => (answer.status === "rejected" ? (errnoOf(answer.reason) ?? "") : "ENODATA"));
    if (codes.every((code) => code === "ENOTFOUND" || code === "ENODATA"))
      throw new NoSuchName(`${name} does not exist.`);
    throw new ResolverFailed(
      `${name} could not be resolved (${codes.find((code) => code !== "ENODATA" && code !== "ENOTFOUND")}).`,
    );
  }
}

/** Record types that are passed on if there is no allow list. */
export const RECORDS = ["TXT", "MX", "SRV", "NS", "CAA", "SOA", "PTR", "NAPTR"] as const;
export type RecordType = (typeof RECORDS)[number];

/** A name's address, and possibly port, from the configuration. */
export interface StaticHost {
  address: Address;
  port: number | null;
}

/**
 * Parses `egress.hosts`.
 *
 * @throws {Error} with the invalid entry in its message
 */
export function parseStaticHosts(hosts: Record<string, string>): Map<string, StaticHost> {
  const parsed = new Map<string, StaticHost>();
  for (const [key, text] of Object.entries(hosts)) {
    const name = canonicalName(key);
    if (name === null) throw new Error(`egress.hosts: "${key}" is not a host name.`);
    const parts = /^(?:\[([^\]]+)\]|([^:]+|[0-9a-fA-F:]*:[0-9a-fA-F:.]*))(?::(\d{1,5}))?$/.exec(text);
    const whole = parseAddress(text);
    const address = whole ?? parseAddress(parts?.[1] ?? parts?.[2] ?? "");
    const port = whole || parts?.[3] === undefined ? null : Number(parts[3]);
    if (!address || (port !== null && (port < 1 || port > 65_535))) {
      throw new Error(`egress.hosts: "${text}" of ${key} is not an address with or without a port.`);
    }
    parsed.set(name, { address, port });
  }
  return parsed;
}
