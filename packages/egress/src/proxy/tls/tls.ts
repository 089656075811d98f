/** Both TLS connections of an opened flow: ours to the upstream, the guest's to us. */

import type { Socket } from "node:net";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect, type SecureContext, TLSSocket } from "node:tls";
import { HANDSHAKE_TIMEOUT_MS } from "../limits.ts";
import { Carrier } from "../streams/carrier.ts";
import { lingering } from "../streams/lingering.ts";
import { MIN_UPSTREAM_VERSION } from "./upstream-cas.ts";

/** Protocols that are understood here. A guest that offers one of them is offered no other. */
const KNOWN = ["h2", "http/1.1"];

/** Protocols as they are registered. In others, and in the lengths between them, a whole request would find room. */
const NAME = /^[a-z0-9][a-z0-9./_-]*$/;

/** What of a guest's offer of protocols (ALPN) is passed on: it stands in the clear in what an upstream that may know no TLS gets. */
export function offered(alpn: readonly string[]): string[] {
  const known = alpn.filter((protocol) => KNOWN.includes(protocol));
  return known.length > 0 ? known : alpn.filter((protocol) => NAME.test(protocol) && !protocol.startsWith("http"));
}

/**
 * TLS to an upstream, whose certificate has to be for `name` and of an authority that is trusted.
 *
 * @throws {Error} with the reason
 */
export function connectTls(
  socket: Duplex,
  name: string,
  alpn: readonly string[],
  cas: SecureContext,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const tls = connect({
    socket: new Carrier(socket) as Duplex as Socket,
    ...(isIP(name) ? { host: name } : { servername: name }),
    ...(alpn.length > 0 && { ALPNProtocols: [...alpn] }),
    secureContext: cas,
    minVersion: MIN_UPSTREAM_VERSION,
    rejectUnauthorized: true,
  });
  return secured(tls, "secureConnect", signal);
}

/**
 * TLS from a guest, with a certificate of ours.
 *
 * @param protocol the only one that is offered, or null for none
 * @throws {Error} when the guest does not go along
 */
export function acceptTls(
  stream: Duplex,
  leaf: SecureContext,
  protocol: string | null,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const tls = new TLSSocket(stream as Socket, {
    isServer: true,
    secureContext: leaf,
    ...(protocol !== null && { ALPNProtocols: [protocol] }),
  });
  lingering(tls, stream, 0);
  // Without a handle of its own below, the stream would stay open.
  tls.once("close", () => stream.destroy());
  return secured(tls, "secure", signal);
}

function secured(tls: TLSSocket, event: "secure" | "secureConnect", signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      cleanUp();
      // Whatever else goes wrong with it has no one to tell.
      tls.on("error", () => undefined);
      tls.destroy();
      reject(error);
    };
    const closed = () => fail(new Error("the connection was closed during the handshake"));
    const aborted = () => fail(new Error("the connection is no longer wanted"));
    const timer = setTimeout(() => fail(new Error("the handshake took too long")), HANDSHAKE_TIMEOUT_MS);
    const done = () => {
      cleanUp();
      // Node's HTTP/2 looks at it, and only tls.Server sets it on the side of a server.
      (tls as unknown as { secureConnecting: boolean }).secureConnecting = false;
      resolve(tls);
    };
    const cleanUp = () => {
      clearTimeout(timer);
      tls.off("error", fail).off("close", closed).off("end", closed).off(event, done);
      signal.removeEventListener("abort", aborted);
    };
    tls.on("error", fail).on("close", closed).on("end", closed).on(event, done);
    signal.addEventListener("abort", aborted, { once: true });
    if (signal.aborted) aborted();
  });
}
