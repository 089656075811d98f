/** Headers by which some servers take a request for another one than it is: what was checked must be what is done. */
import type { Header } from "../../headers.ts";

/** Another method. */
const METHOD = [
  "x-http-method",
  "x-http-method-override",
  "x-method-override",
  "x-method",
  "x-forwarded-method",
  "x-original-method",
];
/** Another path. */
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
/** Another host, or another port of it; `Proxy` turns into `HTTP_PROXY` for programs that are run by CGI. */
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
/** Framing, as nobody writes it. */
const FRAMING = ["content-length", "transfer-encoding"];

/** What was checked of a request. */
export interface Checks {
  /** Method and path, by request rules. */
  rules: boolean;
  /** The host, by an allow list, rules or because it gets secrets. */
  host: boolean;
}

/** Leaves out what could make another request of one that was checked. */
export function withoutOverrides(headers: readonly Header[], { rules, host }: Checks): Header[] {
  const left = new Set([...(rules ? [...METHOD, ...PATH] : []), ...(host || rules ? HOST : [])]);
  return headers.filter(([name]) => {
    const canonical = asServersRead(name);
    return !left.has(canonical) && (name.toLowerCase() === canonical || !FRAMING.includes(canonical));
  });
}

/** Servers that hand headers to programs as variables (CGI, WSGI, PHP) make one of all characters but letters and digits. */
function asServersRead(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "-");
}
