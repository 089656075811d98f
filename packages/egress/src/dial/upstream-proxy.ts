/** Dialling through the configured upstream proxy (`egress.upstreamProxy`) with CONNECT (RFC 9110 §9.3.6). */
import { request } from "node:http";
import type { Socket } from "node:net";
import { type Address, authorityText } from "../policy/mod.ts";
import { type Dialled, unwanted } from "./connect.ts";
import { DialError, denial } from "./error.ts";
import { UpstreamSocket } from "./upstream-socket.ts";
import { decideRoutes, type Wanted } from "./wanted.ts";

/** Time limit for the proxy's response, milliseconds: from the first packet to the end of the response's head. */
const TIMEOUT_MS = 15_000;

/**
 * Opens a connection through the proxy. From before the first packet until it closes, it is cut when policy no longer allows it.
 *
 * @param proxy `http://[user:password@]host:port`
 * @param addresses the host's addresses that are known here; all of them must be allowed
 * @throws {DialError}
 */
export function connectThrough(
  proxy: URL,
  wanted: Wanted,
  addresses: readonly Address[],
  signal: AbortSignal,
): Promise<Dialled> {
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>();
  if (signal.aborted) return Promise.reject(unwanted(signal));
  const authority = authorityText(wanted.host, wanted.port);
  const credentials = proxy.username
    ? `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
    : null;
  const socket = new UpstreamSocket().connect({
    host: proxy.hostname.replace(/^\[|\]$/g, ""),
    port: Number(proxy.port || 80),
  });
  socket.on("error", () => undefined);
  socket.once(
    "close",
    wanted.hold(
      () => decideRoutes(wanted, addresses),
      (why) => socket.destroy(denial(why)),
    ),
  );
  const asking = request({
    method: "CONNECT",
    path: authority,
    headers: {
      host: authority,
      ...(credentials && { "proxy-authorization": `Basic ${Buffer.from(credentials).toString("base64")}` }),
    },
    createConnection: () => socket,
  });
  const fail = (error: DialError) => {
    settle();
    socket.destroy();
    reject(error);
  };
  const aborted = () => fail(unwanted(signal));
  const deadline = setTimeout(
    () =>
      fail(
        new DialError(`The upstream proxy at ${proxy.host} did not answer within ${TIMEOUT_MS / 1_000} s.`, {
          errno: "ETIMEDOUT",
        }),
      ),
    TIMEOUT_MS,
  );
  const settle = () => {
    clearTimeout(deadline);
    signal.removeEventListener("abort", aborted);
  };
  signal.addEventListener("abort", aborted, { once: true });
  asking.once("connect", (response, _socket: Socket, head) => {
    if (response.statusCode !== 200) return fail(refused(authority, response.statusCode));
    settle();
    if (head.length > 0) socket.unshift(head);
    resolve({ socket, address: `${authority} through ${proxy.host}` });
  });
  asking.once("response", ({ statusCode }) => fail(refused(authority, statusCode)));
  asking.on("error", (error) =>
    fail(
      error instanceof DialError
        ? error
        : new DialError(`The upstream proxy at ${proxy.host} cannot be used: ${error.message}.`, {
            errno: "EHOSTUNREACH",
          }),
    ),
  );
  asking.end();
  return promise;
}

function refused(authority: string, status: number | undefined): DialError {
  return new DialError(`The upstream proxy refused ${authority} with status ${status}.`, { errno: "EHOSTUNREACH" });
}
