/** Dialling through an HTTP proxy of the network that the host is in (RFC 9110 §9.3.6). */
import { request } from "node:http";
import type { Socket } from "node:net";
import { DialError } from "./error.ts";
import type { Dialled } from "./connect.ts";

const TIMEOUT_MS = 15_000;

/**
 * Asks the proxy for a connection to `authority`.
 *
 * @param proxy `http://[user:password@]host:port`
 * @throws {DialError}
 */
export function connectThrough(proxy: URL, authority: string, signal: AbortSignal): Promise<Dialled> {
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>();
  const credentials = proxy.username ? `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}` : null;
  const asking = request({
    method: "CONNECT",
    host: proxy.hostname.replace(/^\[|\]$/g, ""),
    port: proxy.port || 80,
    path: authority,
    headers: { host: authority, ...(credentials && { "proxy-authorization": `Basic ${Buffer.from(credentials).toString("base64")}` }) },
    agent: false,
    timeout: TIMEOUT_MS,
    signal,
  });
  asking.once("connect", (response, socket: Socket, head) => {
    if (response.statusCode !== 200) {
      socket.destroy();
      return reject(new DialError(`The upstream proxy refused ${authority} with status ${response.statusCode}.`, { errno: "EHOSTUNREACH" }));
    }
    socket.setTimeout(0);
    socket.allowHalfOpen = true;
    if (head.length > 0) socket.unshift(head);
    resolve({ socket, address: `${authority} through ${proxy.host}` });
  });
  asking.once("response", (response) => {
    response.destroy();
    reject(new DialError(`The upstream proxy answered ${authority} with status ${response.statusCode}.`, { errno: "EHOSTUNREACH" }));
  });
  asking.once("timeout", () => asking.destroy(new Error("timeout")));
  asking.once("error", (error) => reject(new DialError(`The upstream proxy at ${proxy.host} cannot be used: ${error.message}.`, { errno: "EHOSTUNREACH" })));
  asking.end();
  return promise;
}
