import { value } from "@sandkeep/common/http";
import type { Visit } from "../http/visit.ts";

/**
 * Whether the cookie with the token counts in this request. Browsers send it with requests that pages of other doors cause, because
 * all doors are one site unless their domain is on the Public Suffix List. So it counts when the page is the door's own, when a person
 * opens the address, and when a link leads there from elsewhere. Browsers say so in `Sec-Fetch-Site` and `Origin`, which no page can
 * forge; programs, which are not led by pages, send neither.
 */
export function mayUseCookie({ method, headers, authority, secure }: Visit): boolean {
  const site = value(headers, "sec-fetch-site");
  if (site === "same-origin" || site === "none") return true;
  if (site !== undefined)
    return (
      (method === "GET" || method === "HEAD") &&
      value(headers, "sec-fetch-mode") === "navigate" &&
      // Not in a frame, where a page could lead a person's clicks.
      value(headers, "sec-fetch-dest") === "document"
    );
  const origin = value(headers, "origin");
  if (origin === undefined) return true;
  // Parsed, so that the usual port may be named or not.
  const own = URL.parse(`${secure ? "https" : "http"}://${authority}`)?.origin;
  return own !== undefined && URL.parse(origin)?.origin === own;
}
