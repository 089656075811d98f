/**
 * One request and its response, in whichever HTTP version each side speaks: checks, policy, rules, hooks, secrets, upstream,
 * redaction, hooks, and the event that reports it.
 */
import type { Readable } from "node:stream";
import { lists, value, without } from "@sandkeep/common/http";
import { RequestRecord } from "../connection/record.ts";
import { Refusal, refusalResponse, refusalStatusText } from "../refusal.ts";
import { pipeSteps } from "../streams/body-steps.ts";
import { runResponseHook } from "./hooks/hook-runner.ts";
import type { HttpConnection, Site } from "./http-connection.ts";
import type { GuestReply, GuestRequest } from "./message.ts";
import { Ending } from "./request/ending.ts";
import { type Prepared, prepare } from "./request/prepare.ts";
import { redactResponse } from "./secrets/redaction.ts";
import type { Placed } from "./secrets/substitution.ts";
import type { UpstreamConnection, UpstreamRequest, UpstreamResponse } from "./upstream.ts";

/** Performs one exchange. Never rejects: every outcome gets a response and is reported. */
export function exchange(
  connection: HttpConnection,
  request: GuestRequest,
  reply: GuestReply,
  connect: (site: Site) => Promise<UpstreamConnection>,
): Promise<void> {
  return settle(connection, request, reply, async (record) => {
    const prepared = await prepare(connection, request, reply.signal, record);
    if (prepared.answer) return respondItself(prepared.answer, request, reply, record);
    const upstream = await connect(prepared.site);
    record.event.address = connection.address;
    using ending = new Ending(connection.flow.sandbox, prepared.permit, reply.signal);
    // Do not await anything from here to the request: bodies start to flow once they have listeners, and secrets must be current.
    let placed: Placed | null = null;
    try {
      placed = prepared.place();
      const body = carryBody(prepared, placed, record, ending);
      const response = await upstream.request(
        upstreamRequest(connection, prepared, placed, request, reply, body),
        ending.signal,
      );
      await respond(connection, prepared, placed, response, reply, record);
    } catch (error) {
      throw ending.reasonFor(error);
    } finally {
      placed?.finish();
    }
  });
}

/** Runs the work for a request, responds to errors if that is still possible, and reports the request. Never rejects. */
export async function settle(
  connection: HttpConnection,
  request: GuestRequest,
  reply: GuestReply,
  work: (record: RequestRecord) => Promise<void>,
): Promise<void> {
  const { head, protocol } = request;
  const record = new RequestRecord(connection.record, connection.flow, {
    protocol,
    scheme: connection.scheme,
    method: head.method,
    target: head.target,
  });
  try {
    await connection.record.room();
    await work(record);
  } catch (error) {
    await fail(error, request, reply, record);
  }
  await record.report();
}

/** The request that the upstream gets. */
export function upstreamRequest(
  connection: HttpConnection,
  { site, target, length, method, trailers }: Prepared,
  placed: Placed,
  request: GuestRequest,
  reply: GuestReply,
  body: Readable | null,
): UpstreamRequest {
  const authority = connection.authority(target);
  return {
    method,
    scheme: connection.scheme,
    authority,
    // An HTTP proxy gets the whole URL.
    path: target === site ? placed.path : `${connection.scheme}://${authority}${placed.path}`,
    headers: placed.headers,
    body,
    length: placed.bodyMayChange ? null : length,
    trailers,
    expectsContinue: request.expectsContinue,
    onContinue: () => reply.continue(),
    acceptsTrailers: lists(request.head.headers, "te", "trailers"),
  };
}

/** Passes on an upstream's response. */
export async function respond(
  connection: HttpConnection,
  { method, asked, context }: Prepared,
  placed: Placed,
  response: UpstreamResponse,
  reply: GuestReply,
  record: RequestRecord,
): Promise<void> {
  try {
    const redacted = redactResponse(connection, method, placed, response);
    const hooked = await runResponseHook(
      connection.context.shared.hooks,
      { status: redacted.status, headers: redacted.headers, body: redacted.body },
      context,
    );
    const { status } = hooked;
    record.event.status = status;
    // A hook may have changed the method or status, and with it whether there is a body.
    const bodiless = asked === "HEAD" || status === 204 || status === 304;
    const body = bodiless ? null : hooked.body;
    if (body !== hooked.body) hooked.body?.destroy();
    const headers =
      body === null && (asked !== "HEAD" || method !== "HEAD") && status !== 304
        ? without(hooked.headers, "content-length")
        : hooked.headers;
    body?.on("data", (chunk: Buffer) => (record.event.bytesDown += chunk.length));
    await reply.send(
      { status, statusText: status === redacted.status ? redacted.statusText : "", headers, last: response.last },
      body,
      redacted.trailers,
    );
  } catch (error) {
    // Nobody will read it, and in HTTP/2 it would occupy a stream.
    response.body.destroy();
    throw error;
  }
}

async function respondItself(
  answer: NonNullable<Prepared["answer"]>,
  request: GuestRequest,
  reply: GuestReply,
  { event }: RequestRecord,
): Promise<void> {
  const { status, headers, body } = answer;
  event.status = status;
  request.body?.resume();
  const empty = request.head.method === "HEAD" || status === 204 || status === 304;
  if (!empty) event.bytesDown = body.length;
  await reply.send({ status, statusText: "", headers, last: request.body !== null }, empty ? null : body, () => []);
}

/** A request's body, counted before it is sent. Ends the exchange if it is longer than the rules permit. */
function carryBody(
  { body, permit, steps }: Prepared,
  placed: Placed,
  record: RequestRecord,
  ending: Ending,
): Readable | null {
  if (!body) return null;
  body.on("data", (chunk: Buffer) => {
    record.event.bytesUp += chunk.length;
    try {
      permit.send(chunk.length);
    } catch (error) {
      ending.refuse(error as Refusal);
    }
  });
  return pipeSteps(body, steps(placed));
}

async function fail(error: unknown, request: GuestRequest, reply: GuestReply, record: RequestRecord): Promise<void> {
  const { event } = record;
  if (reply.signal.aborted && !(error instanceof Refusal)) {
    event.verdict = "failed";
    event.reason = "The guest ended the exchange before it was complete.";
    reply.abort();
    return;
  }
  const refusal =
    error instanceof Refusal ? error : Refusal.failed(`The exchange with the upstream failed: ${describe(error)}.`);
  event.verdict = refusal.verdict;
  event.reason = refusal.message;
  event.rule = refusal.rule ?? event.rule;
  if (reply.started) return reply.abort();
  event.status = refusal.status;
  const { headers, body } = refusalResponse(refusal, value(request.head.headers, "accept"));
  request.body?.resume();
  const empty = request.head.method === "HEAD";
  event.bytesDown = empty ? 0 : body.length;
  await reply
    .send(
      { status: refusal.status, statusText: refusalStatusText(refusal), headers, last: true },
      empty ? null : body,
      () => [],
    )
    .catch(() => reply.abort());
}

/** Error codes only: messages may quote what was sent. */
function describe(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" ? code : "it ended early";
}
