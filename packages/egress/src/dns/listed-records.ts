/** Records besides addresses under an allow list: for names that are listed exactly, so that a question can carry nothing out. */
import { RateWindow } from "../policy/mod.ts";
import type { RecordType, Resolver } from "./resolver.ts";

/**
 * Services whose SRV records are looked up (RFC 2782; names of IANA's registry). A fixed set: a guest that made up names of services could
 * write with them.
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

/** Look-ups of one sandbox in a minute. Programs ask at their start, and then once in a while. */
const LOOKUPS_PER_MINUTE = 60;
/** How long an answer is kept, milliseconds: asked again within it, nothing leaves. */
const KEEP_MS = 60_000;
const MAX_KEPT = 256;

/** The name that has to be listed for a question to be passed on; null for one that never is. */
export function ownerOf(name: string, type: string): string | null {
  if (type === "TXT" || type === "MX") return name;
  if (type !== "SRV") return null;
  const [, service = "", protocol = "", owner = null] = SERVICE_NAME.exec(name) ?? [];
  return SERVICES.has(service) && PROTOCOLS.has(protocol) ? owner : null;
}

/** The sandbox has had too many look-ups. */
export class TooManyLookups extends Error {
  override name = "TooManyLookups";
}

/** What one sandbox was told. Not shared: whether a name was asked for by another sandbox is not to be told from times. */
export class ListedRecords {
  readonly #resolver: Resolver;
  readonly #rate = new RateWindow(LOOKUPS_PER_MINUTE);
  readonly #kept = new Map<string, { until: number; records: Promise<unknown> }>();

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  /**
   * Asks the host's resolver, by the canonical name alone.
   *
   * @throws {TooManyLookups | NodeJS.ErrnoException}
   */
  async ask(name: string, type: RecordType): Promise<unknown> {
    const key = `${type} ${name}`;
    const now = performance.now();
    const kept = this.#kept.get(key);
    if (kept && kept.until > now) return kept.records;
    if (!this.#rate.take(now)) throw new TooManyLookups(`More than ${LOOKUPS_PER_MINUTE} look-ups in a minute.`);
    const records = this.#resolver.records(name, type);
    const entry = { until: now + KEEP_MS, records };
    records.catch(({ code }: NodeJS.ErrnoException) => {
      // That there is nothing is an answer, too.
      if (code !== "ENOTFOUND" && code !== "ENODATA") entry.until = now;
    });
    this.#kept.delete(key);
    this.#kept.set(key, entry);
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    return records;
  }
}
