/** Both TLS connections of an intercepted flow: the proxy's to the upstream, the guest's to the proxy. */

import type { Socket } from "node:net";
import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import { connect, type SecureContext, TLSSocket } from "node:tls";
import { GUEST_BUFFER_BYTES, HANDSHAKE_TIMEOUT_MS } from "../limits.ts";
import { Carrier } from "../streams/carrier.ts";
import { lingering } from "../streams/lingering.ts";
import { MIN_UPSTREAM_VERSION } from "./upstream-cas.ts";

/** The protocols that the proxy speaks. If a guest offers one of them, no others are passed on. */
const KNOWN = ["h2", "http/1.1"];

/** The form of registered protocol names. Other names, and the length bytes between them, could contain a whole request. */
const NAME = /^[a-z0-9][a-z0-9./_-]*$/;

/** The part of a guest's ALPN offer that is passed on. The upstream receives it in the clear, and may not speak TLS at all. */
export function offered(alpn: readonly string[]): string[] {
  const known = alpn.filter((protocol) => KNOWN.includes(protocol));
  return known.length > 0 ? known : alpn.filter((protocol) => NAME.test(protocol) && !protocol.startsWith("http"));
}

/**
 * Connects to an upstream with TLS. Its certificate must be valid for `name` and issued by one of `cas`.
 *
 * @throws {Error} if the handshake fails
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
 * Accepts TLS from a guest, with a certificate of this installation.
 *
 * @param protocol the only protocol to offer, or null for none
 * @throws {Error} if the handshake fails
 */
export function acceptTls(
  stream: Duplex,
  leaf: SecureContext,
  protocol: string | null,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const tls = new TLSSocket(stream as Socket, {
    isServer: true,
    // Missing in Node's types.
    ...{ highWaterMark: GUEST_BUFFER_BYTES },
    secureContext: leaf,
    ...(protocol !== null && { ALPNProtocols: [protocol] }),
  });
  lingering(tls, stream, 0);
  // A stream without its own handle would stay open.
  tls.once("close", () => stream.destroy());
  return secured(tls, "secure", signal);
}

function secured(tls: TLSSocket, event: "secure" | "secureConnect", signal: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      cleanUp();
      // Later errors have no listener.
      tls.on("error", () => undefined);
      tls.destroy();
      reject(error);
    };
    const closed = () => fail(new Error("the connection was closed during the handshake"));
    const aborted = () => fail(new Error("the connection is no longer wanted"));
    const timer = setTimeout(() => fail(new Error("the handshake took too long")), HANDSHAKE_TIMEOUT_MS);
    const done = () => {
      cleanUp();
      // Node's HTTP/2 checks this flag, and on the server side only tls.Server sets it.
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
