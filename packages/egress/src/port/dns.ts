/** DNS over the egress port: every datagram and connection to port 53, whatever the destination address. */
import type { Duplex } from "node:stream";
import type { Dialer } from "../dial/dialer.ts";
import { answer, type DnsContext, type Outcome } from "../dns/answer.ts";
import { ListedRecords } from "../dns/listed-records.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import { DatagramReader, frameDatagram } from "./datagrams.ts";

/** A stream without a query for this long is closed, milliseconds. */
const IDLE_MS = 10_000;
/** Queries of one stream that are answered concurrently; more wait. */
const MAX_AT_ONCE = 32;
/** A repeated query with the same outcome is reported once in this time, milliseconds: programs ask for both address families, repeatedly. */
const REPEAT_MS = 60_000;
const MAX_REMEMBERED = 4_096;

const WHY: Record<Exclude<Outcome, "answered">, string> = {
  absent: "There is no such name.",
  failed: "The resolvers did not answer.",
  withheld: "This type of record is not passed on.",
  unlisted: "With an allow list, records of this type are passed on only for exactly listed names.",
  limited: "There were too many lookups in the last minute.",
};

/** What the answers to a sandbox's queries depend on. */
export function dnsContext(sandbox: Sandbox, dialer: Dialer): DnsContext {
  const seen = new Map<string, number>();
  return {
    names: sandbox.names,
    resolver: dialer.resolver,
    isStatic: (name) => dialer.isStatic(name),
    get restricted() {
      return sandbox.policy.restricted;
    },
    listed: new ListedRecords(dialer.resolver),
    lists: (name) => sandbox.policy.listsName(name),
    reaches: (name, port) =>
      (port === undefined ? sandbox.policy.decideName(name) : sandbox.policy.decide({ name }, port)).allowed,
    asked: async (name, type, outcome, owner = name) => {
      const { allowed, rule, reason } = sandbox.policy.decideName(owner);
      const at = Date.now();
      const key = `${name} ${outcome} ${allowed} ${type === "AAAA" ? "A" : type}`;
      if ((seen.get(key) ?? 0) > at - REPEAT_MS) return;
      seen.delete(key);
      seen.set(key, at);
      if (seen.size > MAX_REMEMBERED) seen.delete(seen.keys().next().value!);
      const verdict =
        outcome === "failed"
          ? "failed"
          : allowed && (outcome === "answered" || outcome === "absent")
            ? "allowed"
            : "denied";
      const why = outcome === "answered" ? (allowed ? null : reason) : WHY[outcome];
      await sandbox.report({ kind: "dns", at, durationMs: 0, verdict, rule, reason: why, process: null, name, type });
    },
  };
}

/** Answers the queries of a stream until it ends. The framing is the same for UDP and TCP (RFC 1035 §4.2.2). */
export async function serveDns(stream: Duplex, context: DnsContext, overUdp: boolean): Promise<void> {
  const reader = new DatagramReader();
  const answering = new Set<Promise<void>>();
  const idle = setTimeout(() => stream.destroy(), IDLE_MS);
  stream.on("error", () => {});
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      idle.refresh();
      for (const query of reader.push(chunk)) {
        const work: Promise<void> = answer(query, context, overUdp)
          .then((reply) => void (reply && !stream.destroyed && stream.write(frameDatagram(reply))))
          .catch(() => void stream.destroy())
          .finally(() => answering.delete(work));
        answering.add(work);
        if (answering.size >= MAX_AT_ONCE) await Promise.race(answering);
      }
    }
    await Promise.all(answering);
    stream.end();
  } catch {
    stream.destroy();
  } finally {
    clearTimeout(idle);
  }
}
