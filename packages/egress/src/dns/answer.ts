/** What a guest is answered when it asks for a name. */
import * as packet from "dns-packet";
import { type Address, canonicalName, parseAddress } from "../policy/mod.ts";
import type { SyntheticNames } from "./names.ts";
import { NoSuchName, RECORDS, type RecordType, type Resolver } from "./resolver.ts";

/** How long a guest may keep an answer, seconds: synthetic addresses do not go stale while their name is in use. */
const TTL_S = 60;
/** Largest query that is looked at, in bytes: a name of 255 and the usual options are far smaller. */
const MAX_QUERY_BYTES = 1_024;
/** Largest answer over UDP without EDNS (RFC 1035 §4.2.1), and with it. */
const PLAIN_UDP_BYTES = 512;
const MAX_UDP_BYTES = 4_096;

const RCODE = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4, refused: 5 } as const;
const OPCODE_QUERY = 0;
const RECURSION_AVAILABLE = 1 << 7;
const IN_ADDR_ARPA = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/;

/** What a sandbox's answers depend on. */
export interface DnsContext {
  readonly names: SyntheticNames;
  readonly resolver: Resolver;
  /** Whether configuration gives the name an address. */
  isStatic(name: string): boolean;
  /** Under an allow list no query leaves: every name gets an address, and what is not allowed is refused when it is dialled. */
  readonly restricted: boolean;
  /** Told of each name that is asked for; the guest is answered when it resolves. */
  asked(name: string, type: string, outcome: "answered" | "absent" | "failed" | "withheld"): Promise<void>;
}

/**
 * Answers one query.
 *
 * @param overUdp whether the answer must fit a datagram
 * @returns null when there is nothing to answer to
 */
export async function answer(query: Buffer, context: DnsContext, overUdp: boolean): Promise<Buffer | null> {
  let asked: packet.DecodedPacket;
  if (query.length < 12 || query.length > MAX_QUERY_BYTES) return null;
  try {
    asked = packet.decode(query);
  } catch {
    return encode({ id: query.readUInt16BE(0), questions: [], rcode: RCODE.formatError, answers: [], limit: PLAIN_UDP_BYTES });
  }
  if (asked.type !== "query") return null;
  const edns = asked.additionals?.find((record) => record.type === "OPT");
  const limit = overUdp ? Math.min(MAX_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, edns?.type === "OPT" ? edns.udpPayloadSize : 0)) : 65_535;
  const questions = asked.questions ?? [];
  const reply = (rcode: number, answers: packet.Answer[] = []) => encode({ id: asked.id ?? 0, questions, rcode, answers, limit });
  if (((query.readUInt16BE(2) >> 11) & 15) !== OPCODE_QUERY) return reply(RCODE.notImplemented);
  const [question] = questions;
  if (questions.length !== 1 || !question) return reply(RCODE.formatError);
  if (question.class !== undefined && question.class !== "IN") return reply(RCODE.refused);
  return reply(...(await resolve(question, context)));
}

async function resolve(question: packet.Question, context: DnsContext): Promise<[number, packet.Answer[]?]> {
  const { type } = question;
  if (type === "PTR") {
    const name = reverse(question.name, context.names);
    if (name) return [RCODE.ok, [{ type: "PTR", name: question.name, ttl: TTL_S, data: name }]];
  }
  const name = canonicalName(question.name);
  if (name === null) return [RCODE.noSuchName];
  if (type === "A" || type === "AAAA") {
    try {
      if (!context.restricted && !context.isStatic(name)) await context.resolver.addressesOf(name);
    } catch (error) {
      const absent = error instanceof NoSuchName;
      await context.asked(name, type, absent ? "absent" : "failed");
      return [absent ? RCODE.noSuchName : RCODE.serverFailure];
    }
    await context.asked(name, type, "answered");
    const { v4, v6 } = context.names.addressesOf(name);
    return [RCODE.ok, [{ type, name: question.name, ttl: TTL_S, data: type === "A" ? v4 : v6 }]];
  }
  if (context.restricted || !RECORDS.includes(type as RecordType)) {
    // HTTPS and SVCB too: they would tell a client to hide the name it wants, or to leave TCP.
    await context.asked(name, type, "withheld");
    return [RCODE.ok];
  }
  try {
    const answers = toAnswers(question.name, type as RecordType, await context.resolver.records(name, type as RecordType));
    await context.asked(name, type, "answered");
    return [RCODE.ok, answers];
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    await context.asked(name, type, code === "ENOTFOUND" || code === "ENODATA" ? "absent" : "failed");
    return [code === "ENOTFOUND" ? RCODE.noSuchName : code === "ENODATA" ? RCODE.ok : RCODE.serverFailure];
  }
}

/** The name behind a synthetic address, asked for backwards. */
function reverse(name: string, names: SyntheticNames): string | null {
  const parts = IN_ADDR_ARPA.exec(name.toLowerCase());
  const address: Address | null = parts ? parseAddress(parts.slice(1).reverse().join(".")) : null;
  const meaning = address && names.meaningOf(address);
  return meaning?.kind === "name" ? meaning.name : null;
}

/** Node's form of records in the packet's. */
function toAnswers(name: string, type: RecordType, records: unknown): packet.Answer[] {
  const list = (Array.isArray(records) ? records : [records]) as Record<string, never>[];
  const of = (data: unknown) => ({ type, name, ttl: TTL_S, data }) as packet.Answer;
  switch (type) {
    case "TXT":
      return (records as string[][]).map((texts) => of(texts));
    case "MX":
      return list.map(({ priority, exchange }) => of({ preference: priority, exchange }));
    case "SRV":
      return list.map(({ priority, weight, port, name: target }) => of({ priority, weight, port, target }));
    case "CAA":
      return list.map(({ critical, ...rest }) => {
        const [tag, value] = Object.entries(rest).find(([key]) => key !== "type") ?? ["issue", ""];
        return of({ flags: critical, tag, value, issuerCritical: Boolean(critical) });
      });
    case "SOA":
      return list.map(({ nsname, hostmaster, serial, refresh, retry, expire, minttl }) => of({ mname: nsname, rname: hostmaster, serial, refresh, retry, expire, minimum: minttl }));
    case "NAPTR":
      return list.map(({ order, preference, flags, service, regexp, replacement }) => of({ order, preference, flags, services: service, regexp, replacement }));
    default:
      return (records as string[]).map((data) => of(data));
  }
}

function encode({ id, questions, rcode, answers, limit }: { id: number; questions: packet.Question[]; rcode: number; answers: packet.Answer[]; limit: number }): Buffer | null {
  const make = (flags: number, list: packet.Answer[]) =>
    packet.encode({ type: "response", id, flags: flags | packet.RECURSION_DESIRED | RECURSION_AVAILABLE | rcode, questions, answers: list });
  try {
    const whole = make(0, answers);
    return whole.length <= limit ? whole : make(packet.TRUNCATED_RESPONSE, []);
  } catch {
    return null;
  }
}
