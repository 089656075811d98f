/** Serves a guest's TCP connection: policy decision, dialling, protocol detection, and then the protocol itself. */
import type { Duplex } from "node:stream";
import type { Dialled } from "../dial/connect.ts";
import { dialFailure } from "../dial/error.ts";
import { sameHost } from "../policy/mod.ts";
import type { ConnectionContext } from "./connection/context.ts";
import type { Flow, Shared } from "./connection/flow.ts";
import { type Opening, readOpening } from "./connection/opening.ts";
import { serveRaw } from "./connection/raw.ts";
import { guardRaw, guardTls } from "./connection/raw-guard.ts";
import { ConnectionRecord, NO_REQUEST } from "./connection/record.ts";
import { decidePassThrough, decideTls } from "./connection/tls-policy.ts";
import { HttpConnection } from "./http/http-connection.ts";
import { serveRequests } from "./http/requests.ts";
import { interceptTls } from "./intercept.ts";
import { FIRST_BYTES_TIMEOUT_MS, HTTP_PORTS, LINGER_MS, REFUSED_TIMEOUT_MS } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import { lingering } from "./streams/lingering.ts";

/**
 * Serves one connection of a guest from start to end. Rejects only if the sandbox's events cannot be reported.
 *
 * @param depth number of CONNECT requests that it is nested in
 */
export async function serveFlow(flow: Flow, shared: Shared, depth = 0): Promise<void> {
  const context: ConnectionContext = { flow, shared, record: new ConnectionRecord(flow), depth, serve: serveFlow };
  const { sandbox, host, port, signal } = flow;
  await sandbox.room();
  const decision = sandbox.policy.decide(host, port);
  if (!decision.allowed) return explain(context, Refusal.denied(decision.reason, decision.rule));
  let upstream: Dialled;
  try {
    upstream = await sandbox.dial(host, port, signal);
  } catch (error) {
    const { denied, errno, message, rule } = dialFailure(error);
    if (denied) return explain(context, Refusal.denied(message, rule));
    flow.refuse(errno);
    return context.record.connection({ verdict: "failed", reason: message, rule: decision.rule });
  }
  upstream.socket.on("error", () => undefined);
  const guest = accept(flow);
  guest.once("close", () => upstream.socket.destroy());
  const opening = await readOpening(guest, upstream.socket, FIRST_BYTES_TIMEOUT_MS);
  try {
    await serveOpening(context, opening, guest, upstream);
  } finally {
    guest.destroy();
    upstream.socket.destroy();
  }
}

function accept(flow: Flow): Duplex {
  const guest = flow.accept();
  guest.on("error", () => undefined);
  // From the egress port it is a stream of an HTTP/2 session, and ends with that.
  const cut = lingering(guest, (guest as { session?: { destroyed: boolean } }).session, LINGER_MS);
  flow.signal.addEventListener("abort", cut, { once: true });
  guest.once("close", () => flow.signal.removeEventListener("abort", cut));
  if (flow.signal.aborted) cut();
  return guest;
}

async function serveOpening(
  context: ConnectionContext,
  opening: Opening,
  guest: Duplex,
  upstream: Dialled,
): Promise<void> {
  switch (opening.kind) {
    case "tls":
      return serveTls(context, opening.hello, guest, upstream);
    case "http1":
    case "http2":
      await serveRequests(plainHttp(context, upstream, null), guest, opening.kind);
      return context.record.connection({ verdict: "allowed", reason: NO_REQUEST, address: upstream.address });
    case "invalid":
      guest.destroy();
      return context.record.connection({
        verdict: "denied",
        reason: `The connection began with ${opening.reason}.`,
        address: upstream.address,
      });
    default:
      return serveRaw(context, {
        guest,
        upstream,
        protocol: "tcp",
        host: context.flow.host,
        guard: guardRaw(upstream.socket, context.flow.port, false),
      });
  }
}

async function serveTls(
  context: ConnectionContext,
  hello: Extract<Opening, { kind: "tls" }>["hello"],
  guest: Duplex,
  upstream: Dialled | null,
): Promise<void> {
  const { flow, shared, record } = context;
  const decision = decideTls(flow, hello, shared);
  if (decision.action === "refuse") {
    upstream?.socket.destroy();
    return interceptTls(context, { guest, hello, host: flow.host, upstream: null, refusal: decision.refusal });
  }
  const { host } = decision;
  let dialled = upstream;
  let refusal: Refusal | null = null;
  if (!dialled || !sameHost(host, flow.host)) {
    // The guest chose this address. For a name, the host resolves it itself.
    upstream?.socket.destroy();
    try {
      dialled = await flow.sandbox.dial(host, flow.port, flow.signal);
      const { socket } = dialled;
      socket.on("error", () => undefined);
      guest.once("close", () => socket.destroy());
    } catch (error) {
      const { denied, message, rule } = dialFailure(error);
      dialled = null;
      refusal = denied ? Refusal.denied(message, rule) : Refusal.failed(message);
    }
  }
  if (decision.action === "pass-through") {
    if (dialled) {
      const name = hello.serverName?.toLowerCase();
      return serveRaw(context, {
        guest,
        upstream: dialled,
        guard: guardTls(dialled.socket),
        protocol: "tls",
        host: name === undefined ? host : { name },
        decide: () => decidePassThrough(flow, hello, shared),
      });
    }
    guest.destroy();
    return record.connection({
      verdict: refusal!.verdict,
      protocol: "tls",
      host,
      reason: refusal!.message,
      rule: refusal!.rule,
    });
  }
  return interceptTls(context, { guest, hello, host, upstream: dialled, refusal });
}

/** Refuses a connection before anything is dialled. On ports that usually speak HTTP, the guest gets a response with the reason. */
async function explain(context: ConnectionContext, refusal: Refusal): Promise<void> {
  const { flow, record } = context;
  if (!HTTP_PORTS.has(flow.port)) {
    flow.refuse("ECONNREFUSED");
    return record.connection({ verdict: refusal.verdict, reason: refusal.message, rule: refusal.rule });
  }
  const guest = accept(flow);
  const opening = await readOpening(guest, null, REFUSED_TIMEOUT_MS);
  try {
    // A connection to an address may still name an allowed host in its SNI or Host header.
    const final = "name" in flow.host || !flow.sandbox.policy.restricted ? refusal : null;
    if (opening.kind === "tls") {
      if (final)
        await interceptTls(context, { guest, hello: opening.hello, host: flow.host, upstream: null, refusal: final });
      else await serveTls(context, opening.hello, guest, null);
    } else if (opening.kind === "http1" || opening.kind === "http2") {
      await serveRequests(plainHttp(context, null, final), guest, opening.kind);
    }
  } finally {
    guest.destroy();
    await record.connection({ verdict: refusal.verdict, reason: refusal.message, rule: refusal.rule });
  }
}

function plainHttp(context: ConnectionContext, upstream: Dialled | null, refusal: Refusal | null): HttpConnection {
  const { flow } = context;
  const site = "name" in flow.host ? { host: flow.host, port: flow.port } : null;
  return new HttpConnection({ ...context, scheme: "http", site, verified: false, upstream, refusal });
}
