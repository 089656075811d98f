/** How visitors present the token of a private door: in a header, the query, a cookie, or the host name. */
import { type Header, lists, value, values, without } from "@sandkeep/common/http";
import type { Visit } from "../http/visit.ts";

export const TOKEN_HEADER = "x-sandkeep-token";
export const TOKEN_PARAMETER = "sandkeep-token";
/** The prefix keeps other doors and plain HTTP from setting it (RFC 6265bis, section 4.1.3.2). */
export const TOKEN_COOKIE = "__Host-sandkeep-token";
/** Between token and name in a host name: `TOKEN--NAME.example.com`. */
export const LABEL_SEPARATOR = "--";

/** Tokens that a request presents, by where they were. */
export interface Presented {
  header: string | null;
  query: string | null;
  cookie: string | null;
  label: string | null;
}

/** A request without its tokens, and these. What is behind a door never sees them. */
export function takeTokens(visit: Visit): { visit: Visit; presented: Presented } {
  const label = fromLabel(visit);
  const { target, token: query } = withoutParameter(visit.target);
  const { headers, token: cookie } = withoutCookie(visit.headers);
  const header = value(headers, TOKEN_HEADER) ?? null;
  const kept = without(headers, TOKEN_HEADER).map(
    ([name, text]): Header => [name, /^(referer|origin)$/i.test(name) ? withoutTraces(text, visit, label) : text],
  );
  const { authority, host } = label ?? visit;
  return {
    visit: { ...visit, authority, host, target, headers: kept },
    presented: { header, query, cookie, label: label?.token ?? null },
  };
}

interface Label {
  token: string;
  authority: string;
  host: string;
}

function fromLabel({ authority, host }: Visit): Label | null {
  const first = host.split(".", 1)[0]!;
  const at = first.indexOf(LABEL_SEPARATOR);
  if (at <= 0) return null;
  const skipped = at + LABEL_SEPARATOR.length;
  return { token: host.slice(0, at), host: host.slice(skipped), authority: authority.slice(skipped) };
}

function withoutParameter(target: string): { target: string; token: string | null } {
  const at = target.indexOf("?");
  if (at < 0 || !target.includes(TOKEN_PARAMETER)) return { target, token: null };
  let token: string | null = null;
  const kept = target
    .slice(at + 1)
    .split("&")
    .filter((one) => {
      const [name, text = ""] = one.split("=", 2);
      if (name !== TOKEN_PARAMETER) return true;
      token = text;
      return false;
    });
  if (token === null) return { target, token };
  return { target: target.slice(0, at) + (kept.length > 0 ? `?${kept.join("&")}` : ""), token };
}

function withoutCookie(headers: Header[]): { headers: Header[]; token: string | null } {
  const cookies = values(headers, "cookie").flatMap((text) => text.split(";"));
  const ours = cookies.filter(isOurCookie);
  if (ours.length === 0) return { headers, token: null };
  const others = cookies.filter((one) => !isOurCookie(one)).map((one) => one.trim());
  return {
    headers: [...without(headers, "cookie"), ...(others.length > 0 ? [["Cookie", others.join("; ")] as Header] : [])],
    token: ours[0]!.slice(ours[0]!.indexOf("=") + 1).trim(),
  };
}

/** Whether this is `name=value` of the cookie with the token. */
export function isOurCookie(pair: string): boolean {
  // Browsers compare the prefix without regard to case, and so do some servers the whole name.
  return pair.split("=", 1)[0]!.trim().toLowerCase() === TOKEN_COOKIE.toLowerCase();
}

/** The address of a page on the door itself, without the token that it had. */
function withoutTraces(text: string, { authority }: Visit, label: Label | null): string {
  const url = URL.parse(text);
  if (!url) return text;
  const own = url.host.toLowerCase() === authority.toLowerCase();
  const host = own && label ? text.replace(authority, label.authority) : text;
  return own ? withoutParameter(host).target : host;
}

/** Whether a person follows a link: then the token moves from the address to a cookie, where nobody copies it from. */
export function isNavigation({ method, target, headers }: Visit): boolean {
  // Browsers would take the second for another host.
  if (method !== "GET" || target.startsWith("//")) return false;
  const mode = value(headers, "sec-fetch-mode");
  return mode === undefined ? lists(headers, "accept", "text/html") : mode === "navigate";
}

/** @param expiresAt epoch milliseconds */
export function tokenCookie(token: string, expiresAt: number, now: number): string {
  const seconds = Math.max(0, Math.floor((expiresAt - now) / 1_000));
  return `${TOKEN_COOKIE}=${token}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Lax`;
}
