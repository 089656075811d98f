/** Interception of a guest's TLS: first the upstream proves its identity, then the guest gets a certificate of this installation. */
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { ClientHello } from "@sandkeep/common/tls";
import type { Dialled } from "../dial/connect.ts";
import { dialFailure } from "../dial/error.ts";
import { canonicalName, type HostRef, hostText } from "../policy/mod.ts";
import type { ConnectionContext } from "./connection/context.ts";
import { type Opening, readOpening } from "./connection/opening.ts";
import { serveRaw } from "./connection/raw.ts";
import { guardRaw } from "./connection/raw-guard.ts";
import { eventHost, NO_REQUEST } from "./connection/record.ts";
import { HttpConnection } from "./http/http-connection.ts";
import { serveRequests } from "./http/requests.ts";
import { FIRST_BYTES_TIMEOUT_MS } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import { acceptTls, connectTls, offered } from "./tls/tls.ts";

export interface Interception {
  guest: Duplex;
  hello: ClientHello;
  /** The host that the connection is for. */
  host: HostRef;
  upstream: Dialled | null;
  /** The response to every request, if set; then nothing is sent upstream. */
  refusal: Refusal | null;
}

export async function interceptTls(
  context: ConnectionContext,
  { guest, hello, host, upstream, refusal: given }: Interception,
): Promise<void> {
  const { flow, shared, record } = context;
  let refusal = given;
  let secured: TLSSocket | null = null;
  const offer = offered(hello.alpn);
  if (!refusal && upstream) {
    try {
      secured = await connectTls(upstream.socket, eventHost(host), offer, shared.upstreamCas, flow.signal);
      secured.on("error", () => undefined);
    } catch (error) {
      // The connection is also cut when policy changes in the meantime.
      const { denied, message, rule } = dialFailure(error);
      refusal = denied
        ? Refusal.denied(message, rule)
        : Refusal.failed(`TLS to ${hostText(host)} failed: ${message}. Nothing was sent.`);
    }
  }
  if (!secured) upstream?.socket.destroy();
  const protocol = secured
    ? secured.alpnProtocol || null
    : offer.includes("http/1.1")
      ? "http/1.1"
      : offer.includes("h2")
        ? "h2"
        : null;
  let tls: TLSSocket;
  try {
    tls = await acceptTls(guest, await shared.leaves.contextFor(leafName(hello, host)), protocol, flow.signal);
    tls.on("error", () => tls.destroy());
  } catch (error) {
    secured?.destroy();
    const reason =
      refusal?.message ??
      `The guest ended the TLS handshake (${(error as Error).message}). Does it trust the certificate authority of this installation?`;
    return record.connection({
      verdict: refusal?.verdict ?? "failed",
      protocol: "tls",
      host,
      reason,
      rule: refusal?.rule ?? null,
      address: upstream?.address ?? null,
    });
  }
  tls.once("close", () => secured?.destroy());
  let reason: string | null = refusal?.message ?? null;
  const inner: Dialled | null = secured && { socket: secured, address: upstream!.address };
  try {
    const opening = await openingOf(tls, secured, protocol);
    if (opening.kind === "http1" || opening.kind === "http2") {
      const site = { host, port: flow.port };
      await serveRequests(
        new HttpConnection({
          ...context,
          scheme: "https",
          site,
          verified: secured !== null && "name" in host && hello.serverName !== null,
          upstream: inner,
          refusal,
        }),
        tls,
        opening.kind,
      );
      reason ??= NO_REQUEST;
    } else if (inner && opening.kind !== "invalid") {
      await serveRaw(context, {
        guest: tls,
        upstream: inner,
        protocol: "tls",
        host,
        guard: guardRaw(inner.socket, flow.port, true),
      });
    }
  } finally {
    tls.destroy();
    secured?.destroy();
    const verdict = refusal?.verdict ?? "allowed";
    await record.connection({
      verdict,
      protocol: "tls",
      host,
      reason,
      rule: refusal?.rule ?? null,
      address: upstream?.address ?? null,
    });
  }
}

/** The protocol inside TLS: the negotiated one (ALPN), otherwise the detected one. */
async function openingOf(tls: TLSSocket, upstream: TLSSocket | null, protocol: string | null): Promise<Opening> {
  if (protocol === "h2") return { kind: "http2" };
  if (protocol === "http/1.1") return { kind: "http1" };
  if (protocol !== null) return { kind: "raw" };
  return readOpening(tls, upstream, FIRST_BYTES_TIMEOUT_MS);
}

/** The name in the guest's certificate: the one it asked for if that is a valid name, even if it will be refused. */
function leafName(hello: ClientHello, host: HostRef): string {
  return (hello.serverName !== null && canonicalName(hello.serverName)) || eventHost(host);
}
