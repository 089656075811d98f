/** Turns a guest's request into one that may leave: checks, policy, rules, hooks, and finally secrets. */
import type { Readable, Transform } from "node:stream";
import { endToEnd, type Header, safeTrailers, value, without } from "@sandkeep/common/http";
import type { HookContext } from "../../../hooks.ts";
import { authorityText } from "../../../policy/mod.ts";
import { eventHost, type RequestRecord } from "../../connection/record.ts";
import { Refusal } from "../../refusal.ts";
import { type OwnAnswer, runRequestHook } from "../hooks/hook-runner.ts";
import { dialRefusal, type HttpConnection, type Site } from "../http-connection.ts";
import type { GuestRequest } from "../message.ts";
import { type Placed, placeSecrets } from "../secrets/substitution.ts";
import { withoutOverrides } from "./overrides.ts";
import { Permit } from "./permit.ts";
import { checkHead } from "./request-checks.ts";

export interface Prepared {
  /** The host that the request is sent to. */
  site: Site;
  /** The request target. Differs from the site if that is an HTTP proxy. */
  target: Site;
  /** As hooks left it. */
  method: string;
  /** As the guest sent it. */
  asked: string;
  permit: Permit;
  /**
   * Decides once more by the current policy and rules, and returns path, query and headers with the current secrets substituted. Do not
   * await anything between this and sending.
   *
   * @throws {Refusal}
   */
  place(): Placed;
  /** As hooks left it. */
  body: Readable | null;
  length: number | null;
  /** The trailers; call it when the body has ended. */
  trailers(): Header[];
  /** Creates the body steps; call it right before the body is sent. */
  steps(placed: Placed): Transform[];
  /** The response from a hook, instead of the upstream's. */
  answer: OwnAnswer | null;
  context: HookContext;
}

/** @throws {Refusal} */
export async function prepare(
  connection: HttpConnection,
  request: GuestRequest,
  signal: AbortSignal,
  record: RequestRecord,
): Promise<Prepared> {
  const { event } = record;
  const { sandbox } = connection.flow;
  if (connection.site) event.host = eventHost(connection.site.host);
  const head = checkHead(request.head);
  const { authority, path } = head;
  const behind = connection.targetBehind(head);
  if (!connection.site && authority) event.host = eventHost(authority.host);
  if (behind) record.aim(behind.host, behind.port, path);
  if (connection.refusal) throw connection.refusal;
  const site = connection.siteFor(behind ? null : authority);
  const target = behind ?? site;
  const permit = await permitFor(connection, site, behind, request, path, signal, record);

  const rules = [site, target].some(({ host, port }) => sandbox.rules.rulesFor(host, port).length > 0);
  const secret = "name" in site.host && sandbox.secrets.approvedFor(site.host.name, site.port).length > 0;
  const checks = { rules, host: sandbox.policy.restricted || secret };
  const headers = endToEnd(withoutOverrides(without(request.head.headers, "host", "content-length", "expect"), checks));
  const context: HookContext = {
    sandboxId: sandbox.id,
    scheme: connection.scheme,
    host: eventHost(target.host),
    port: target.port,
    via: behind && authorityText(site.host, site.port),
    signal,
  };
  const hooked = await runRequestHook(
    connection.context.shared.hooks,
    { method: request.head.method, path, headers, body: request.body },
    context,
  );
  const ready =
    "answer" in hooked ? { method: request.head.method, path, headers, body: request.body, sameBody: true } : hooked;
  // The sandbox's credentials for the HTTP proxy.
  const credentials = behind
    ? request.head.headers.filter(([name]) => name.toLowerCase() === "proxy-authorization")
    : [];
  return {
    site,
    target,
    method: ready.method,
    asked: request.head.method,
    permit,
    place: () => {
      const decision = permit.decide();
      if (!decision.allowed) throw permit.refusal(decision);
      return placeSecrets(
        connection,
        { site, target },
        { ...ready, headers: [...ready.headers, ...credentials] },
        record,
      );
    },
    body: ready.body,
    length: ready.sameBody ? request.length : ready.body === null ? 0 : null,
    // Some servers merge trailers into headers.
    trailers: () => withoutOverrides(safeTrailers(request.trailers()), checks),
    steps: (placed) =>
      [ready.body && placed.body(value(ready.headers, "content-type"), ready.body)].filter((step) => step !== null),
    answer: "answer" in hooked ? hooked.answer : null,
    context,
  };
}

async function permitFor(
  connection: HttpConnection,
  site: Site,
  behind: Site | null,
  request: GuestRequest,
  path: string,
  signal: AbortSignal,
  { event }: RequestRecord,
): Promise<Permit> {
  const { sandbox } = connection.flow;
  const { head, length, protocol } = request;
  const websocket = protocol === "websocket";
  const asked = { method: head.method, path, length: websocket ? null : length, websocket };
  event.rule = sandbox.policy.decide(site.host, site.port).rule;
  let permit = new Permit(sandbox, site, asked);
  if (behind) {
    try {
      permit = new Permit(sandbox, behind, asked, {
        decideHost: await sandbox.decideIndirect(behind.host, behind.port, signal),
        via: permit,
      });
    } catch (error) {
      throw error instanceof Refusal ? error : dialRefusal(error, behind);
    }
  }
  event.rule = permit.rule;
  return permit;
}
