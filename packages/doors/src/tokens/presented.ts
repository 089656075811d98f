/** How visitors present the token of a private door: in a header, the query, a cookie, or the host name. */
import { type Header, lists, value, values, without } from "@sandkeep/common/http";
import type { Visit } from "../http/visit.ts";

export const TOKEN_HEADER = "x-sandkeep-token";
export const TOKEN_PARAMETER = "sandkeep-token";
/** The prefix keeps other doors and plain HTTP from setting it (RFC 6265bis, section 4.1.3.2). */
export const TOKEN_COOKIE = "__Host-sandkeep-token";
/** Between token and name in a host name: `TOKEN--NAME.example.com`. */
export const LABEL_SEPARATOR = "--";

/** Cookies of the token's name that count. A browser has one; it may have more if scripts of the page set some for other paths. */
const MAX_COOKIES = 8;

/** A token that a request presents, and where. */
export interface Presented {
  from: "query" | "header" | "label" | "cookie";
  token: string;
}

/** A request without its tokens, and these, the latest first. What is behind a door never sees them. */
export function takeTokens(visit: Visit): { visit: Visit; presented: Presented[] } {
  const label = fromLabel(visit);
  const { target, token: query } = withoutParameter(visit.target);
  const { headers, tokens: cookies } = withoutCookies(visit.headers);
  const header = value(headers, TOKEN_HEADER);
  const presented: Presented[] = [];
  if (query !== null) presented.push({ from: "query", token: query });
  if (header !== undefined) presented.push({ from: "header", token: header });
  if (label) presented.push({ from: "label", token: label.token });
  for (const token of cookies) presented.push({ from: "cookie", token });
  const kept = without(headers, TOKEN_HEADER).map(
    ([name, text]): Header => [name, /^(referer|origin)$/i.test(name) ? withoutTraces(text, visit, label) : text],
  );
  const { authority, host } = label ?? visit;
  return { visit: { ...visit, authority, host, target, headers: kept }, presented };
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

function withoutCookies(headers: Header[]): { headers: Header[]; tokens: string[] } {
  const cookies = values(headers, "cookie").flatMap((text) => text.split(";"));
  const ours = cookies.filter(isOurCookie);
  if (ours.length === 0) return { headers, tokens: [] };
  const others = cookies.filter((one) => !isOurCookie(one)).map((one) => one.trim());
  return {
    headers: [...without(headers, "cookie"), ...(others.length > 0 ? [["Cookie", others.join("; ")] as Header] : [])],
    tokens: ours.slice(0, MAX_COOKIES).map((one) => one.slice(one.lastIndexOf("=") + 1).trim()),
  };
}

/** Whether this is `name=value` of the cookie with the token. */
export function isOurCookie(pair: string): boolean {
  // Browsers compare the prefix without regard to case, and so do some servers the whole name. Some browsers send a cookie without a
  // name, `=a=b`, as `a=b`.
  const [name = ""] = pair.replace(/^[\s=]+/, "").split("=", 1);
  return name.trim().toLowerCase() === TOKEN_COOKIE.toLowerCase();
}

/** What follows the host in an address. */
const AFTER_HOST = /^[^:]*:\/\/[^/?#]*(.*)$/;

/** An origin, or the address of a page, without the token if it is of the door itself. */
function withoutTraces(text: string, { authority }: Visit, label: Label | null): string {
  const url = URL.parse(text);
  // Parsed, so that case and the usual port do not matter.
  if (!url || url.host !== URL.parse(`${url.protocol}//${authority}`)?.host) return text;
  const { target: clean } = withoutParameter(text);
  const rest = AFTER_HOST.exec(clean)?.[1] ?? "";
  return label ? `${url.protocol}//${label.host}${url.port && `:${url.port}`}${rest}` : clean;
}

/** Whether a person follows a link: then the token moves from the address to a cookie, where nobody copies it from. */
export function isNavigation({ method, headers }: Visit): boolean {
  if (method !== "GET") return false;
  const mode = value(headers, "sec-fetch-mode");
  return mode === undefined ? lists(headers, "accept", "text/html") : mode === "navigate";
}

/** @param expiresAt epoch milliseconds */
export function tokenCookie(token: string, expiresAt: number, now: number): string {
  const seconds = Math.max(0, Math.floor((expiresAt - now) / 1_000));
  return `${TOKEN_COOKIE}=${token}; Path=/; Max-Age=${seconds}; Secure; HttpOnly; SameSite=Lax`;
}
