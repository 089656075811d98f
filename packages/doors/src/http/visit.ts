/** A visitor's request, checked: nothing that was not understood is passed on. */
import type { IncomingMessage } from "node:http";
import { Http2ServerRequest } from "node:http2";
import type { TLSSocket } from "node:tls";
import { type Header, isValid, pairs, value, values } from "@sandkeep/common/http";
import { ApiError } from "@sandkeep/protocol";
import { hostName } from "../gateway/sites.ts";
import { MAX_HEADER_BYTES, MAX_HEADERS } from "./limits.ts";

export interface Visit {
  readonly method: string;
  /** Path and query. `*` for OPTIONS of the whole server. */
  readonly target: string;
  /** As the visitor wrote it, with the port. */
  readonly authority: string;
  /** Its name, in lower case. */
  readonly host: string;
  /** All headers but Host and those of HTTP/2 that begin with a colon. */
  readonly headers: Header[];
  /** Whether a body follows. */
  readonly hasBody: boolean;
  /** Address of the visitor. */
  readonly address: string;
  /** Whether the visitor uses https, as far as this server knows. */
  readonly secure: boolean;
  /** Whether the visitor sends the body only after 100 (Continue). */
  readonly awaitsContinue: boolean;
}

/** RFC 9110, section 9.1: any token. */
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/;
/** No blanks and no control characters. Some clients send UTF-8 as it is. */
const TARGET = /^\/[\x21-\x7e\x80-\xff]*$/;
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/i;

/**
 * Reads a request.
 *
 * @param behindTls whether a proxy in front of this server terminates TLS
 * @throws {ApiError} `INVALID_REQUEST`, `HEADERS_TOO_LARGE`, `METHOD_NOT_ALLOWED`, `MISDIRECTED_REQUEST`
 */
export function readVisit(request: IncomingMessage | Http2ServerRequest, behindTls: boolean): Visit {
  const all = pairs(request.rawHeaders);
  const bytes = all.reduce((sum, [name, text]) => sum + name.length + text.length, 0);
  if (all.length > MAX_HEADERS || bytes > MAX_HEADER_BYTES)
    throw new ApiError(
      "HEADERS_TOO_LARGE",
      `The request has more than ${MAX_HEADERS} headers or ${MAX_HEADER_BYTES} bytes of them.`,
    );
  const headers = all.filter(([name]) => !name.startsWith(":"));
  if (!headers.every(isValid)) throw invalid("A header is malformed.");
  const authority = authorityOf(all, headers);
  const host = hostName(authority);
  if (host === null) throw invalid("The header Host is missing or malformed.");
  const { method = "" } = request;
  if (!METHOD.test(method)) throw invalid("The method is malformed.");
  // The first opens tunnels; the second shows a page's scripts what the browser hides from them.
  if (method === "CONNECT" || method === "TRACE") throw new ApiError("METHOD_NOT_ALLOWED");
  checkServerName(request, host);
  return {
    method,
    target: targetOf(request.url ?? "", method, authority),
    authority,
    host,
    headers: headers.filter(([name]) => name.toLowerCase() !== "host"),
    hasBody: hasBody(request, headers),
    address: request.socket?.remoteAddress ?? "unknown",
    secure: behindTls || (request.socket as TLSSocket | undefined)?.encrypted === true,
    awaitsContinue: value(headers, "expect")?.toLowerCase() === "100-continue",
  };
}

/** The one host that a request is addressed to. Two would be understood differently by different programs. */
function authorityOf(all: readonly Header[], headers: readonly Header[]): string {
  const found = [...values(all, ":authority"), ...values(headers, "host")];
  if (found.length === 0) throw invalid("The header Host is missing.");
  if (found.some((one) => one.toLowerCase() !== found[0]!.toLowerCase())) throw invalid("The request names two hosts.");
  if (values(headers, "host").length > 1) throw invalid("The request has two Host headers.");
  return found[0]!;
}

/** The path, also of a target that is a whole URL (RFC 9112, section 3.2.2). */
function targetOf(url: string, method: string, authority: string): string {
  if (url === "*" && method === "OPTIONS") return url;
  const [, named, rest = ""] = ABSOLUTE.exec(url) ?? [];
  if (named !== undefined && named.toLowerCase() !== authority.toLowerCase())
    throw invalid("The request's target and its Host header name different hosts.");
  const target = named === undefined ? url : rest.startsWith("/") ? rest : `/${rest}`;
  if (!TARGET.test(target)) throw invalid("The request's target is malformed.");
  return target;
}

function hasBody(request: IncomingMessage | Http2ServerRequest, headers: readonly Header[]): boolean {
  if (request instanceof Http2ServerRequest) return !request.stream.endAfterHeaders;
  const coding = value(headers, "transfer-encoding");
  // Node passes other codings before "chunked" on as they are.
  if (coding !== undefined && coding.toLowerCase() !== "chunked")
    throw invalid("The request's body is in a transfer coding other than chunked.");
  return coding !== undefined || Number(value(headers, "content-length") ?? 0) > 0;
}

/** A connection is for the one name that its certificate was chosen for. Browsers open another if they are told so. */
function checkServerName(request: IncomingMessage | Http2ServerRequest, host: string): void {
  const socket = request.socket as TLSSocket & { servername?: string | false | null };
  if (!socket?.encrypted) return;
  if (!socket.servername || socket.servername.toLowerCase() !== host) throw new ApiError("MISDIRECTED_REQUEST");
}

function invalid(what: string): ApiError {
  return new ApiError("INVALID_REQUEST", what);
}
