/**
 * Checks of a request's head, the same for HTTP/1 and HTTP/2: it is unambiguous, and addressed to the host that the
 * connection is for. No part of a request that fails is sent.
 */

import { type Header, values } from "@sandkeep/common/http";
import { type Authority, type HostRef, hostText, parseAuthority, sameHost } from "../../../policy/mod.ts";
import { MAX_HEADERS } from "../../limits.ts";
import { Refusal } from "../../refusal.ts";

export interface RequestHead {
  version: "1.0" | "1.1" | "2";
  method: string;
  /** The request target as sent; `:path` of HTTP/2. */
  target: string;
  scheme: "http" | "https";
  /** `:scheme` of HTTP/2. */
  claimedScheme?: string | null;
  /** `:authority` of HTTP/2. */
  authority: string | null;
  headers: Header[];
}

export interface CheckedHead {
  /** The host that the request addresses; null if an HTTP/1.0 request names none. */
  authority: Authority | null;
  /** Path and query, or `*`. */
  path: string;
  /** Whether the target is a URL, as in requests to an HTTP proxy (RFC 9112 §3.2.2). */
  absolute: boolean;
}

const TARGET = /^[\x21-\x7e\x80-\xff]+$/;
const ABSOLUTE = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i;

/**
 * Whether a target contains non-ASCII whitespace, where some servers would end it: in UTF-8, or as single bytes (U+0085 and U+00A0 in
 * Latin-1). Other non-ASCII characters should be encoded, but are allowed because clients send them.
 */
function holdsBlank(target: string): boolean {
  if (!/[\x80-\xff]/.test(target)) return false;
  const text = Buffer.from(target, "latin1").toString("utf8");
  return /[\s\x80-\x9f]/.test(text) || (text.includes("\ufffd") && /[\x85\xa0]/.test(target));
}

/** @throws {Refusal} 400 if the head is malformed, 403 if it names two different hosts */
export function checkHead(head: RequestHead): CheckedHead {
  if (head.headers.length > MAX_HEADERS)
    throw Refusal.malformed(`The request has more than ${MAX_HEADERS} headers.`, 431);
  if (head.method !== "CONNECT" && (!TARGET.test(head.target) || holdsBlank(head.target)))
    throw Refusal.malformed("The request's target contains invalid characters.");
  checkFraming(head);
  const [expectation, ...more] = values(head.headers, "expect");
  if (more.length > 0 || (expectation !== undefined && expectation.toLowerCase() !== "100-continue"))
    throw Refusal.malformed("The request has an Expect header with an unknown value.", 417);
  const hosts = values(head.headers, "host");
  if (hosts.length > 1) throw Refusal.malformed("The request has more than one Host header.");
  const host = hosts[0] === undefined ? null : readAuthority(hosts[0], "Host header");
  if (head.version === "2") return checkHttp2(head, host);
  if (head.version === "1.1" && !host) throw Refusal.malformed("The request has no Host header.");
  const { authority, path } = readTarget(head);
  if (authority && host && !same(authority, host, head.scheme))
    throw Refusal.mismatch("The request's target and its Host header name different hosts.");
  return { authority: authority ?? host, path, absolute: authority !== null };
}

/** @throws {Refusal} 403 if a request is for another host or port than its connection */
export function checkSite(authority: Authority | null, site: { host: HostRef; port: number }): void {
  if (!authority) return;
  if (authority.port !== null && authority.port !== site.port) {
    throw Refusal.mismatch(`The request is for port ${authority.port}, but its connection is to port ${site.port}.`);
  }
  if (!sameHost(authority.host, site.host)) {
    throw Refusal.mismatch(
      `The request is for ${hostText(authority.host)}, but its connection is to ${hostText(site.host)}.`,
    );
  }
}

function checkFraming({ headers, version }: RequestHead): void {
  const codings = values(headers, "transfer-encoding");
  const lengths = values(headers, "content-length");
  if (codings.length > 0) {
    if (version !== "1.1") throw Refusal.malformed("Transfer-Encoding is for HTTP/1.1 only.");
    if (codings.length > 1 || codings[0]!.toLowerCase() !== "chunked")
      throw Refusal.malformed("The only supported Transfer-Encoding is chunked.", 501);
    if (lengths.length > 0) throw Refusal.malformed("The request has both Content-Length and Transfer-Encoding.");
  }
  if (lengths.length > 1) throw Refusal.malformed("The request has more than one Content-Length.");
  if (lengths[0] !== undefined && !/^[0-9]{1,15}$/.test(lengths[0]))
    throw Refusal.malformed("The request's Content-Length is not a number.");
}

function readTarget({ target, method, scheme }: RequestHead): { authority: Authority | null; path: string } {
  if (target === "*") {
    if (method !== "OPTIONS") throw Refusal.malformed("The target * is for OPTIONS only.");
    return { authority: null, path: target };
  }
  if (target.includes("#")) throw Refusal.malformed("The request's target contains a fragment.");
  if (target.startsWith("/")) return { authority: null, path: target };
  const [, itsScheme, itsAuthority, rest] = ABSOLUTE.exec(target) ?? [];
  if (itsScheme === undefined || itsAuthority === undefined || rest === undefined)
    throw Refusal.malformed("The request's target is neither a path nor a URL.");
  if (itsScheme.toLowerCase() !== scheme)
    throw Refusal.mismatch(
      `The request's target has the scheme ${itsScheme.slice(0, 16)}, but its connection ${scheme}.`,
    );
  return { authority: readAuthority(itsAuthority, "target"), path: rest.startsWith("/") ? rest : `/${rest}` };
}

function checkHttp2(head: RequestHead, host: Authority | null): CheckedHead {
  if (head.method === "CONNECT") throw Refusal.malformed("CONNECT over HTTP/2 is not supported.", 501);
  if (head.claimedScheme !== head.scheme)
    throw Refusal.mismatch(`The request's :scheme is not its connection's, ${head.scheme}.`);
  if (head.authority === null && !host) throw Refusal.malformed("The request has no :authority.");
  const authority = head.authority === null ? null : readAuthority(head.authority, ":authority");
  if (authority && host && !same(authority, host, head.scheme))
    throw Refusal.mismatch("The request's :authority and its host header name different hosts.");
  if (head.target.includes("#")) throw Refusal.malformed("The request's :path contains a fragment.");
  if (!head.target.startsWith("/") && !(head.target === "*" && head.method === "OPTIONS"))
    throw Refusal.malformed("The request's :path is not a path.");
  return { authority: authority ?? host, path: head.target, absolute: false };
}

function readAuthority(text: string, where: string): Authority {
  const authority = parseAuthority(text);
  if (!authority) throw Refusal.malformed(`The request's ${where} is not a host with an optional port.`);
  return authority;
}

function same(a: Authority, b: Authority, scheme: "http" | "https"): boolean {
  const standard = scheme === "https" ? 443 : 80;
  return sameHost(a.host, b.host) && (a.port ?? standard) === (b.port ?? standard);
}
