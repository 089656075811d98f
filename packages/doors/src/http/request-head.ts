/** What the server behind a door gets to see of a request's head. */
import { endToEnd, type Header, lists, values, without } from "@sandkeep/common/http";
import type { Visit } from "./visit.ts";

/**
 * Set by the gateway, so what visitors send under these names is dropped. Some servers take `_` for `-`, so that is dropped,
 * too.
 */
const OURS = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-forwarded-server",
  "x-forwarded-prefix",
  "x-forwarded-ssl",
  "x-real-ip",
]);

/** Headers for the server behind a door, with Host first. */
export function requestHead(visit: Visit): Header[] {
  const { authority, secure, address, hasBody } = visit;
  const kept = endToEnd(visit.headers).filter(([name]) => !OURS.has(name.toLowerCase().replaceAll("_", "-")));
  const head: Header[] = [["Host", authority], ...withOneCookie(hasBody ? kept : without(kept, "expect"))];
  // Without a length, Node sends chunks.
  if (hasBody && !values(kept, "content-length").length) head.push(["Transfer-Encoding", "chunked"]);
  const proto = secure ? "https" : "http";
  const port = /:(\d+)$/.exec(authority)?.[1] ?? (secure ? "443" : "80");
  head.push(
    ["Forwarded", `for=${node(address)};host="${authority}";proto=${proto}`],
    ["X-Forwarded-For", address],
    ["X-Forwarded-Host", authority],
    ["X-Forwarded-Proto", proto],
    ["X-Forwarded-Port", port],
    ["X-Real-IP", address],
  );
  return head;
}

/** HTTP/2 clients may send each cookie by itself; HTTP/1 servers expect one header (RFC 9113, section 8.2.3). */
function withOneCookie(headers: Header[]): Header[] {
  const cookies = values(headers, "cookie");
  return cookies.length < 2 ? headers : [...without(headers, "cookie"), ["Cookie", cookies.join("; ")]];
}

/** An address in a header Forwarded (RFC 7239, section 6). */
function node(address: string): string {
  return address.includes(":") ? `"[${address}]"` : address;
}

/** The same for a request to switch to a WebSocket. */
export function upgradeHead(visit: Visit): Header[] {
  return [...requestHead(visit), ["Connection", "Upgrade"], ["Upgrade", "websocket"]];
}

/** Whether a request asks for a WebSocket. */
export function wantsWebSocket({ headers }: Visit): boolean {
  return lists(headers, "connection", "upgrade") && lists(headers, "upgrade", "websocket");
}
