/** From a request as the guest sent it to one that may leave: checks, policy, rules, hooks, secrets, in this order. */
import type { Readable, Transform } from "node:stream";
import type { HookContext } from "../hooks.ts";
import { Bound } from "./bound.ts";
import type { GuestRequest } from "./guest.ts";
import { endToEnd, type Header, value, without } from "./headers.ts";
import { type OwnAnswer, runRequestHook } from "./hook-runner.ts";
import { eventHost, type RequestRecord } from "./record.ts";
import { Refusal } from "./refusal.ts";
import { checkHead } from "./request-checks.ts";
import type { Session, Site } from "./session.ts";
import { type Placed, placeNothing, placeSecrets } from "./substitution.ts";

export interface Prepared {
  site: Site;
  method: string;
  /** Path, query and headers with secrets in them. */
  placed: Placed;
  /** As hooks left it. */
  body: Readable | null;
  length: number | null;
  /** What the body goes through; made when it is about to. */
  steps(): Transform[];
  /** What a hook answers instead of the upstream. */
  answer: OwnAnswer | null;
  context: HookContext;
}

/** Headers by which some servers take another path or method than the request's; rules could be got around with them. */
const OVERRIDES = ["x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url"];

/** @throws {Refusal} */
export async function prepare(session: Session, request: GuestRequest, signal: AbortSignal, record: RequestRecord): Promise<Prepared> {
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

  const ruled = tenant.rules.rulesFor(site.host, site.port).length > 0 ? OVERRIDES : [];
  const headers = endToEnd(without(request.head.headers, "host", "content-length", "expect", ...ruled));
  const context: HookContext = { sandboxId: tenant.id, scheme: session.scheme, host: eventHost(site.host), port: site.port, signal };
  const hooked = await runRequestHook(session.passage.shared.hooks, { method: request.head.method, path, headers, body: request.body }, context);
  const ready = "answer" in hooked ? { method: request.head.method, path, headers, body: request.body } : hooked;
  const placed = "answer" in hooked ? placeNothing(ready) : placeSecrets(session, site, ready, record);
  return {
    site,
    method: ready.method,
    placed,
    body: ready.body,
    length: ready.body === request.body ? request.length : ready.body === null ? 0 : null,
    steps: () => [bound === null ? null : new Bound(bound, event.rule), ready.body && placed.body(value(ready.headers, "content-type"), ready.body)].filter((step) => step !== null),
    answer: "answer" in hooked ? hooked.answer : null,
    context,
  };
}

function judgeRules(session: Session, site: Site, request: GuestRequest, path: string, record: RequestRecord): number | null {
  const { head, length } = request;
  const judgement = session.flow.tenant.rules.judge(site.host, site.port, head.method, path, length);
  record.event.rule = judgement.rule ?? record.event.rule;
  if (judgement.allowed) return judgement.maxRequestBytes;
  const headers: Header[] = judgement.status === 429 ? [["retry-after", "60"]] : [];
  throw new Refusal(judgement.reason, { status: judgement.status ?? 403, verdict: "denied", rule: judgement.rule, headers });
}
