/** What a guest is answered when it asks for a name. */
import * as packet from "dns-packet";
import { type Address, canonicalName, parseAddress } from "../policy/mod.ts";
import { type ListedRecords, ownerOf, TooManyLookups } from "./listed-records.ts";
import type { SyntheticNames } from "./names.ts";
import { NoSuchName, RECORDS, type RecordType, type Resolver } from "./resolver.ts";

/** How long a guest may keep an answer, seconds: synthetic addresses do not go stale while their name is in use. */
const TTL_S = 60;
/** Largest query that is looked at, in bytes: a name of 255 and the usual options are far smaller. */
const MAX_QUERY_BYTES = 1_024;
/** Largest answer over UDP without EDNS (RFC 1035 §4.2.1), and with it. */
const PLAIN_UDP_BYTES = 512;
const MAX_UDP_BYTES = 4_096;

/** Records of a name under an allow list, and bytes of a text: what services have, and no room for more. */
const MAX_LISTED_RECORDS = 64;
const MAX_TEXT_BYTES = 4_096;

const RCODE = { ok: 0, formatError: 1, serverFailure: 2, noSuchName: 3, notImplemented: 4, refused: 5 } as const;
const OPCODE_QUERY = 0;
const RECURSION_AVAILABLE = 1 << 7;
const IN_ADDR_ARPA = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.in-addr\.arpa$/;

/** What became of a question; `unlisted` and `limited` under an allow list. */
export type Outcome = "answered" | "absent" | "failed" | "withheld" | "unlisted" | "limited";

/** What a sandbox's answers depend on. */
export interface DnsContext {
  readonly names: SyntheticNames;
  readonly resolver: Resolver;
  /** Whether configuration gives the name an address. */
  isStatic(name: string): boolean;
  /** Under an allow list no query for an address leaves: every name gets one, and what is not allowed is refused when it is dialled. */
  readonly restricted: boolean;
  /** Other records of names that are listed. */
  readonly listed: ListedRecords;
  /** Whether the allow list has exactly this name. */
  lists(name: string): boolean;
  /** Whether policy allows a host, on a port or, without one, on any. */
  reaches(name: string, port?: number): boolean;
  /**
   * Told of each name that is asked for; the guest is answered when it resolves.
   *
   * @param owner the name that has to be allowed for it
   */
  asked(name: string, type: string, outcome: Outcome, owner?: string): Promise<void>;
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
    // HTTPS and SVCB too: they would tell a client to hide the name it wants, or to leave TCP.
    await context.asked(name, type, "withheld");
    return [RCODE.ok];
  }
  try {
    const answers = toAnswers(
      question.name,
      type as RecordType,
      await context.resolver.records(name, type as RecordType),
    );
    // A list may have come in the meantime.
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

/** SRV, TXT and MX of names that the allow list has; those that they name have to be allowed as well. */
async function resolveListed(
  question: packet.Question,
  name: string,
  owner: string,
  type: RecordType,
  context: DnsContext,
): Promise<[number, packet.Answer[]?]> {
  try {
    const records = context.lists(owner) ? await context.listed.ask(name, type) : null;
    // It may have been taken off the list in the meantime.
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

/** Whether the guest may be told of a record: of whom it may reach only. */
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
  const { code } = error as NodeJS.ErrnoException;
  const absent = code === "ENOTFOUND" || code === "ENODATA";
  await context.asked(name, type, absent ? "absent" : error instanceof TooManyLookups ? "limited" : "failed", owner);
  return [code === "ENOTFOUND" ? RCODE.noSuchName : absent ? RCODE.ok : RCODE.serverFailure];
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
      // Node has one character for each byte.
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
    // A record that cannot be written, or a question that cannot be repeated.
    return answers.length > 0 ? encode({ id, questions, rcode: RCODE.serverFailure, answers: [], limit }) : null;
  }
}
