/** Headers that make some servers treat a request as a different one. What was checked must be what is executed. */
import type { Header } from "@sandkeep/common/http";

/** Override the method. */
const METHOD = [
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-method",
  "x-forwarded-method",
  "x-original-method",
];
/** Override the path. */
const PATH = [
  "x-original-url",
  "x-original-uri",
  "x-original-path",
  "x-rewrite-url",
  "x-rewrite-uri",
  "x-override-url",
  "x-forwarded-uri",
  "x-forwarded-url",
  "x-forwarded-path",
  "x-forwarded-prefix",
  "x-http-path-override",
  "x-http-destinationurl",
  "x-envoy-original-path",
  "x-replaced-path",
  "x-request-uri",
  "request-uri",
  "destination",
];
/** Override the host or port. CGI turns `Proxy` into the variable `HTTP_PROXY`. */
const HOST = [
  "forwarded",
  "x-forwarded-host",
  "x-forwarded-server",
  "x-forwarded-port",
  "x-forwarded-authority",
  "x-host",
  "x-original-host",
  "x-original-authority",
  "x-real-host",
  "x-backend-host",
  "x-upstream-host",
  "x-proxy-host",
  "x-proxy-url",
  "x-http-host-override",
  "x-host-override",
  "x-envoy-original-host",
  "proxy-host",
  "proxy-url",
  "proxy",
];
/** Framing headers, whose unusual spellings are removed. */
const FRAMING = ["content-length", "transfer-encoding"];

/** What was checked about a request. */
export interface Checks {
  /** Method and path, by request rules. */
  rules: boolean;
  /** The host, because of an allow list, request rules or secrets. */
  host: boolean;
}

/** Removes the headers that could turn a checked request into a different one. */
export function withoutOverrides(headers: readonly Header[], { rules, host }: Checks): Header[] {
  const left = new Set([...(rules ? [...METHOD, ...PATH] : []), ...(host || rules ? HOST : [])]);
  return headers.filter(([name]) => {
    const canonical = asServersRead(name);
    return !left.has(canonical) && (name.toLowerCase() === canonical || !FRAMING.includes(canonical));
  });
}

/** A name as CGI, WSGI and PHP see it: they make one character of everything except letters and digits. */
function asServersRead(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "-");
}
