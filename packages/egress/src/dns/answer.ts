/** Answers to a guest's DNS queries. */
import { errnoOf } from "@sandkeep/common";
import * as packet from "dns-packet";
import { type Address, canonicalName, parseAddress } from "../policy/mod.ts";
import { type ListedRecords, ownerOf, TooManyLookups } from "./listed-records.ts";
import type { SyntheticNames } from "./names.ts";
import { NoSuchName, RECORDS, type RecordType, type Resolver } from "./resolver.ts";

/** TTL of answers with synthetic addresses, seconds. These do not go stale while their name is in use. */
const TTL_S = 60;
/** Largest query that is parsed, in bytes. A name of 255 bytes with the usual options is far smaller. */
const MAX_QUERY_BYTES = 1_024;
/** Largest answer over UDP in bytes, without EDNS (RFC 1035 §4.2.1) and with it. */
const PLAIN_UDP_BYTES = 512;
const MAX_UDP_BYTES = 4_096;

/** Under an allow list: records per name, and bytes per text record. Enough for real services, with little room for anything else. */
const MAX_LISTED_RECORDS = 64;
const MAX_TEXT_BYTES = 4_096;

const RCODE = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4, refused: 5 } as const;
const OPCODE_QUERY = 0;
const RECURSION_AVAILABLE = 1 << 7;
const IN_ADDR_ARPA = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/;

/** The outcome of a query. `unlisted` and `limited` occur only under an allow list. */
export type Outcome = "answered" | "absent" | "failed" | "withheld" | "unlisted" | "limited";

/** What the answers to a sandbox's queries depend on. */
export interface DnsContext {
  readonly names: SyntheticNames;
  readonly resolver: Resolver;
  /** Whether the configuration gives the name an address. */
  isStatic(name: string): boolean;
  /** Whether there is an allow list. Then no address query leaves: every name gets an address, and dialling a denied name fails. */
  readonly restricted: boolean;
  /** Records other than addresses, for names in the allow list. */
  readonly listed: ListedRecords;
  /** Whether the allow list contains exactly this name. */
  lists(name: string): boolean;
  /** Whether policy allows a host on this port; without a port, on any port. */
  reaches(name: string, port?: number): boolean;
  /**
   * Called for each query; the guest gets its answer when this resolves.
   *
   * @param owner the name that must be allowed for it
   */
  asked(name: string, type: string, outcome: Outcome, owner?: string): Promise<void>;
}

/**
 * Answers one query.
 *
 * @param overUdp whether the answer must fit into a datagram
 * @returns null if the query deserves no answer
 */
export async function answer(query: Buffer, context: DnsContext, overUdp: boolean): Promise<Buffer | null> {
  let asked: packet.DecodedPacket;
  if (query.length < 12 || query.length > MAX_QUERY_BYTES) return null;
  try {
    asked = packet.decode(query);
  } catch {
    return encode({
      id: query.readUInt16BE(0),
      questions: [],
      rcode: RCODE.formatError,
      answers: [],
      limit: PLAIN_UDP_BYTES,
    });
  }
  if (asked.type !== "query") return null;
  const edns = asked.additionals?.find((record) => record.type === "OPT");
  const limit = overUdp
    ? Math.min(MAX_UDP_BYTES, Math.max(PLAIN_UDP_BYTES, edns?.type === "OPT" ? edns.udpPayloadSize : 0))
    : 65_535;
  const questions = asked.questions ?? [];
  const reply = (rcode: number, answers: packet.Answer[] = []) =>
    encode({ id: asked.id ?? 0, questions, rcode, answers, limit });
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
  const owner = ownerOf(name, type);
  if (context.restricted && owner !== null) return resolveListed(question, name, owner, type as RecordType, context);
  if (context.restricted || !RECORDS.includes(type as RecordType)) {
    // This includes HTTPS and SVCB: they would tell a client to encrypt the server name (ECH), or to use HTTP/3 instead of TCP.
    await context.asked(name, type, "withheld");
    return [RCODE.ok];
  }
  try {
    const answers = toAnswers(
      question.name,
      type as RecordType,
      await context.resolver.records(name, type as RecordType),
    );
    // An allow list may have been set in the meantime.
    if (context.restricted) {
      await context.asked(name, type, "withheld");
      return [RCODE.ok];
    }
    await context.asked(name, type, "answered");
    return [RCODE.ok, answers];
  } catch (error) {
    return refuse(error, name, type, context);
  }
}

/** SRV, TXT and MX records of names in the allow list. The names that they point to must be allowed too. */
async function resolveListed(
  question: packet.Question,
  name: string,
  owner: string,
  type: RecordType,
  context: DnsContext,
): Promise<[number, packet.Answer[]?]> {
  try {
    const records = context.lists(owner) ? await context.listed.ask(name, type) : null;
    // The name may have been removed from the list in the meantime.
    if (records === null || !context.lists(owner)) {
      await context.asked(name, type, "unlisted", owner);
      return [RCODE.ok];
    }
    const answers = toAnswers(question.name, type, records)
      .slice(0, MAX_LISTED_RECORDS)
      .filter((answer) => mayBeTold(answer, context));
    await context.asked(name, type, "answered", owner);
    return [RCODE.ok, answers];
  } catch (error) {
    return refuse(error, name, type, context, owner);
  }
}

/** Whether the guest may see a record: only if it may reach what the record points to. */
function mayBeTold(answer: packet.Answer, context: DnsContext): boolean {
  switch (answer.type) {
    case "SRV": {
      const target = canonicalName(answer.data.target);
      return target !== null && context.reaches(target, answer.data.port);
    }
    case "MX": {
      const exchange = canonicalName(answer.data.exchange);
      return exchange !== null && context.reaches(exchange);
    }
    case "TXT":
      return ([answer.data].flat() as Buffer[]).reduce((sum, text) => sum + text.length, 0) <= MAX_TEXT_BYTES;
    default:
      return false;
  }
}

async function refuse(
  error: unknown,
  name: string,
  type: string,
  context: DnsContext,
  owner?: string,
): Promise<[number]> {
  const code = errnoOf(error);
  const absent = code === "ENOTFOUND" || code === "ENODATA";
  await context.asked(name, type, absent ? "absent" : error instanceof TooManyLookups ? "limited" : "failed", owner);
  return [code === "ENOTFOUND" ? RCODE.noSuchName : absent ? RCODE.ok : RCODE.serverFailure];
}

/** Answers a reverse lookup of a synthetic address with its name. */
function reverse(name: string, names: SyntheticNames): string | null {
  const parts = IN_ADDR_ARPA.exec(name.toLowerCase());
  const address: Address | null = parts ? parseAddress(parts.slice(1).reverse().join(".")) : null;
  const meaning = address && names.meaningOf(address);
  return meaning?.kind === "name" ? meaning.name : null;
}

/** Converts Node's form of records to dns-packet's. */
function toAnswers(name: string, type: RecordType, records: unknown): packet.Answer[] {
  const list = (Array.isArray(records) ? records : [records]) as Record<string, never>[];
  const of = (data: unknown) => ({ type, name, ttl: TTL_S, data }) as packet.Answer;
  switch (type) {
    case "TXT":
      // Node returns one character per byte.
      return (records as string[][]).map((texts) => of(texts.map((text) => Buffer.from(text, "latin1"))));
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
      return list.map(({ nsname, hostmaster, serial, refresh, retry, expire, minttl }) =>
        of({ mname: nsname, rname: hostmaster, serial, refresh, retry, expire, minimum: minttl }),
      );
    case "NAPTR":
      return list.map(({ order, preference, flags, service, regexp, replacement }) =>
        of({ order, preference, flags, services: service, regexp, replacement }),
      );
    default:
      return (records as string[]).map((data) => of(data));
  }
}

function encode({
  id,
  questions,
  rcode,
  answers,
  limit,
}: {
  id: number;
  questions: packet.Question[];
  rcode: number;
  answers: packet.Answer[];
  limit: number;
}): Buffer | null {
  const make = (flags: number, list: packet.Answer[]) =>
    packet.encode({
      type: "response",
      id,
      flags: flags | packet.RECURSION_DESIRED | RECURSION_AVAILABLE | rcode,
      questions,
      answers: list,
    });
  try {
    const whole = make(0, answers);
    return whole.length <= limit ? whole : make(packet.TRUNCATED_RESPONSE, []);
  } catch {
    // A record or question that cannot be encoded.
    return answers.length > 0 ? encode({ id, questions, rcode: RCODE.serverFailure, answers: [], limit }) : null;
  }
}
