/** CONNECT requests (RFC 9110 §9.3.6): the egress proxy itself acts as the HTTP proxy that the guest expects, and starts a new policy decision. */
import { type IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { values } from "@sandkeep/common/http";
import { authorityText, type HostRef, parseAuthority, sameHost } from "../../../policy/mod.ts";
import type { Flow } from "../../connection/flow.ts";
import { eventHost } from "../../connection/record.ts";
import { MAX_CONNECT_DEPTH } from "../../limits.ts";
import { Refusal } from "../../refusal.ts";
import { settle } from "../exchange.ts";
import type { HttpConnection } from "../http-connection.ts";
import { guestRequest, Reply } from "./http1-message.ts";

export async function serveConnect(
  connection: HttpConnection,
  incoming: IncomingMessage,
  stream: Duplex,
): Promise<void> {
  const response = new ServerResponse(incoming);
  response.assignSocket(stream as Socket);
  const request = guestRequest(connection, incoming, false);
  const { context, flow } = connection;
  let target: { host: HostRef; port: number };
  try {
    target = checkTarget(connection, request.head.target, values(request.head.headers, "host"), request.body !== null);
    const decision = flow.sandbox.policy.decide(target.host, target.port);
    if (!decision.allowed) throw Refusal.denied(decision.reason, decision.rule);
  } catch (error) {
    return settle(connection, request, new Reply(incoming, response), async ({ event }) => {
      const asked = parseAuthority(request.head.target);
      if (asked) Object.assign(event, { host: eventHost(asked.host), port: asked.port ?? event.port });
      throw error;
    });
  }
  response.detachSocket(stream as Socket);
  // The host that the guest believes to be a proxy is not needed.
  await connection.close();
  const inner: Flow = {
    get sandbox() {
      return flow.sandbox;
    },
    ...target,
    process: flow.process,
    signal: flow.signal,
    accept: () => {
      stream.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      return stream;
    },
    refuse: (errno) => {
      const text = `sandkeep: ${authorityText(target.host, target.port)} cannot be reached: ${errno}\n`;
      stream.end(
        `HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain\r\nsandkeep-verdict: failed\r\ncontent-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`,
      );
    },
  };
  await context.serve(inner, context.shared, context.depth + 1);
}

/** @throws {Refusal} */
function checkTarget(
  connection: HttpConnection,
  target: string,
  hosts: string[],
  hasBody: boolean,
): { host: HostRef; port: number } {
  if (connection.refusal) throw connection.refusal;
  if (connection.scheme === "https") throw Refusal.malformed("CONNECT within TLS is not supported.", 501);
  if (connection.context.depth >= MAX_CONNECT_DEPTH)
    throw Refusal.malformed("CONNECT requests are nested too deeply.", 403);
  if (hasBody) throw Refusal.malformed("A CONNECT request has no body.");
  const authority = parseAuthority(target);
  if (!authority || authority.port === null) throw Refusal.malformed("The target of CONNECT is not a host and a port.");
  if (hosts.length !== 1) throw Refusal.malformed("A CONNECT request has exactly one Host header.");
  const host = parseAuthority(hosts[0]!);
  if (!host || !sameHost(host.host, authority.host) || (host.port ?? authority.port) !== authority.port) {
    throw Refusal.mismatch("The target of CONNECT and the Host header name different hosts.");
  }
  return { host: authority.host, port: authority.port };
}
