/**
 * One request and its answer, whichever version of HTTP either side speaks: checks, policy, rules, secrets, upstream,
 * redaction, and the event that tells of it.
 */
import { type Readable, Transform } from "node:stream";
import { through } from "./feed.ts";
import { authorityText } from "../policy/mod.ts";
import type { GuestReply, GuestRequest } from "./guest.ts";
import { endToEnd, type Header, lists, safeTrailers, value, without } from "./headers.ts";
import { eventHost, RequestRecord } from "./record.ts";
import { redactResponse } from "./redaction.ts";
import { Refusal, refusalAnswer } from "./refusal.ts";
import { checkHead } from "./request-checks.ts";
import type { Session, Site } from "./session.ts";
import { placeSecrets } from "./substitution.ts";
import type { UpstreamConnection, UpstreamResponse } from "./upstream.ts";

/** Carries out one exchange. Never rejects: whatever happens is answered and reported. */
export async function exchange(session: Session, request: GuestRequest, reply: GuestReply, connect: (site: Site) => Promise<UpstreamConnection>): Promise<void> {
  const { head, protocol } = request;
  const record = new RequestRecord(session.record, session.flow, { protocol, scheme: session.scheme, method: head.method, target: head.target });
  try {
    await session.record.room();
    await carryOut(session, request, reply, record, connect);
  } catch (error) {
    await fail(error, request, reply, record);
  }
  await record.report();
}

async function carryOut(session: Session, request: GuestRequest, reply: GuestReply, record: RequestRecord, connect: (site: Site) => Promise<UpstreamConnection>): Promise<void> {
  const { event } = record;
  const { tenant } = session.flow;
  if (session.site) event.host = eventHost(session.site.host);
  const { authority, path } = checkHead(request.head);
  if (!session.site && authority) event.host = eventHost(authority.host);
  if (session.refusal) throw session.refusal;
  const site = session.siteFor(authority);
  const judgement = tenant.policy.judge(site.host, site.port);
  event.rule = judgement.rule;
  if (!judgement.allowed) throw Refusal.denied(judgement.reason, judgement.rule);
  const bound = judgeRules(session, site, request, path, record);

  const placed = placeSecrets(session, site, { method: request.head.method, path, headers: endToEnd(without(request.head.headers, "host", "content-length", "expect")) }, record);
  const upstream = await connect(site);
  event.address = session.address;
  // From here to the request nothing may wait: bodies begin to flow when they are listened to.
  const body = request.body && carryBody(request.body, [bound === null ? null : new Bound(bound), placed.body(value(request.head.headers, "content-type"), request)], record);
  let response: UpstreamResponse;
  try {
    response = await upstream.request(
      {
        method: request.head.method,
        scheme: session.scheme,
        authority: authorityText(site.host, site.port === (session.scheme === "https" ? 443 : 80) ? null : site.port),
        path: placed.path,
        headers: placed.headers,
        body: body?.stream ?? null,
        length: placed.bodyMayChange ? null : request.length,
        trailers: () => safeTrailers(request.trailers()),
        expectsContinue: request.expectsContinue,
        onContinue: () => reply.continue(),
        acceptsTrailers: lists(request.head.headers, "te", "trailers"),
      },
      reply.signal,
    );
  } catch (error) {
    throw body?.error() ?? error;
  }
  event.status = response.status;
  const redacted = redactResponse(session, site, request.head.method, response);
  redacted.body?.on("data", (chunk: Buffer) => (event.bytesDown += chunk.length));
  const { status } = response;
  try {
    await reply.send({ status, statusText: redacted.statusText, headers: redacted.headers, last: response.last }, redacted.body, redacted.trailers);
  } catch (error) {
    throw body?.error() ?? error;
  }
  placed.finish();
}

function judgeRules(session: Session, site: Site, request: GuestRequest, path: string, record: RequestRecord): number | null {
  const { head, length } = request;
  const judgement = session.flow.tenant.rules.judge(site.host, site.port, head.method, path, length);
  record.event.rule = judgement.rule ?? record.event.rule;
  if (judgement.allowed) return judgement.maxRequestBytes;
  const headers: Header[] = judgement.status === 429 ? [["retry-after", "60"]] : [];
  throw new Refusal(judgement.reason, { status: judgement.status ?? 403, verdict: "denied", rule: judgement.rule, headers });
}

/** Ends a body that is longer than a rule permits, whatever was declared. */
class Bound extends Transform {
  #left: number;

  constructor(bytes: number) {
    super();
    this.#left = bytes;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: (error: Error | null, data?: Buffer) => void): void {
    this.#left -= chunk.length;
    if (this.#left < 0) done(new Refusal("The body of the request is larger than this sandbox's request rules permit.", { status: 413, verdict: "denied" }));
    else done(null, chunk);
  }
}

/** A request's body on its way through, and why it broke off if it did. */
function carryBody(body: Readable, steps: (Transform | null)[], record: RequestRecord): { stream: Readable; error(): Error | null } {
  let refusal: Error | null = null;
  body.on("data", (chunk: Buffer) => (record.event.bytesUp += chunk.length));
  const stream = through(body, steps.filter((step) => step !== null));
  stream.once("error", (error) => {
    if (error instanceof Refusal) refusal = error;
  });
  return { stream, error: () => refusal };
}

async function fail(error: unknown, request: GuestRequest, reply: GuestReply, record: RequestRecord): Promise<void> {
  const { event } = record;
  if (reply.signal.aborted && !(error instanceof Refusal)) {
    event.verdict = "failed";
    event.reason = "The guest ended the exchange before it was complete.";
    reply.abort();
    return;
  }
  const refusal = error instanceof Refusal ? error : Refusal.failed(`The exchange with the upstream failed: ${describe(error)}.`);
  event.verdict = refusal.verdict;
  event.reason = refusal.message;
  event.rule = refusal.rule ?? event.rule;
  if (reply.started) return reply.abort();
  event.status = refusal.status;
  const { headers, body } = refusalAnswer(refusal, value(request.head.headers, "accept"));
  request.body?.resume();
  if (request.head.method !== "HEAD") event.bytesDown = body.length;
  await reply.send({ status: refusal.status, statusText: "", headers, last: true }, request.head.method === "HEAD" ? null : body, () => []).catch(() => reply.abort());
}

/** Codes only: texts of errors may quote what was sent. */
function describe(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : "it ended early";
}
