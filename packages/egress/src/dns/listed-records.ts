/** Records other than addresses under an allow list. Only for names that are listed exactly, so that a query cannot carry data out. */
import { errnoOf } from "@sandkeep/common";
import { RateWindow } from "../policy/mod.ts";
import type { RecordType, Resolver } from "./resolver.ts";

/**
 * Services whose SRV records are looked up (RFC 2782; names from IANA's registry). A fixed set: with made-up service names a guest could
 * send data.
 */
const SERVICES = new Set([
  "amqp",
  "amqps",
  "autodiscover",
  "caldav",
  "caldavs",
  "carddav",
  "carddavs",
  "consul",
  "etcd-client",
  "etcd-client-ssl",
  "etcd-server",
  "etcd-server-ssl",
  "ftp",
  "gc",
  "grpc",
  "grpclb",
  "http",
  "https",
  "imap",
  "imaps",
  "jmap",
  "kerberos",
  "kerberos-adm",
  "kerberos-master",
  "kpasswd",
  "ldap",
  "ldaps",
  "matrix",
  "matrix-fed",
  "minecraft",
  "mongodb",
  "mqtt",
  "mysql",
  "nats",
  "ntp",
  "pop3",
  "pop3s",
  "postgresql",
  "puppet",
  "redis",
  "rediss",
  "sip",
  "sips",
  "smtp",
  "ssh",
  "stun",
  "stuns",
  "submission",
  "submissions",
  "turn",
  "turns",
  "xmpp-client",
  "xmpp-server",
  "xmpps-client",
  "xmpps-server",
]);
const PROTOCOLS = new Set(["tcp", "udp", "tls"]);
const SERVICE_NAME = /^_([a-z0-9-]+)\._([a-z]+)\.(.+)$/;

/** Lookups per minute of one sandbox. Programs ask when they start, and then occasionally. */
const LOOKUPS_PER_MINUTE = 60;
/** How long an answer is cached, milliseconds. No query leaves for a cached answer. */
const KEEP_MS = 60_000;
const MAX_KEPT = 256;

/** The name that must be listed for a query to be passed on; null if the query never is. */
export function ownerOf(name: string, type: string): string | null {
  if (type === "TXT" || type === "MX") return name;
  if (type !== "SRV") return null;
  const [, service = "", protocol = "", owner = null] = SERVICE_NAME.exec(name) ?? [];
  return SERVICES.has(service) && PROTOCOLS.has(protocol) ? owner : null;
}

/** The sandbox has made too many lookups. */
export class TooManyLookups extends Error {
  override name = "TooManyLookups";
}

/** One sandbox's lookups and their cached answers. Not shared: timing must not reveal what another sandbox has asked for. */
export class ListedRecords {
  readonly #resolver: Resolver;
  readonly #rate = new RateWindow(LOOKUPS_PER_MINUTE);
  readonly #kept = new Map<string, { until: number; records: Promise<unknown> }>();

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /**
   * Asks the host's resolver for the canonical name.
   *
   * @throws {TooManyLookups | NodeJS.ErrnoException}
   */
  async ask(name: string, type: RecordType): Promise<unknown> {
    const key = `${type} ${name}`;
    const now = performance.now();
    const kept = this.#kept.get(key);
    if (kept && kept.until > now) return kept.records;
    if (!this.#rate.take(now)) throw new TooManyLookups(`More than ${LOOKUPS_PER_MINUTE} lookups in a minute.`);
    const records = this.#resolver.records(name, type);
    const entry = { until: now + KEEP_MS, records };
    records.catch((error: unknown) => {
      const code = errnoOf(error);
      // A negative answer is cached too.
      if (code !== "ENOTFOUND" && code !== "ENODATA") entry.until = now;
    });
    this.#kept.delete(key);
    this.#kept.set(key, entry);
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    return records;
  }
}
