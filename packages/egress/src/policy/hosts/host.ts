import { type Address, parseAddress } from "./address.ts";
import { canonicalName } from "./name.ts";

/** A host: a name in canonical form, or an address. */
export type HostRef = { readonly name: string } | { readonly address: Address };

/** A host and, if given, a port. */
export interface Authority {
  host: HostRef;
  port: number | null;
}

/** Longest authority, in characters: a name of {@link canonicalName}'s longest input, plus brackets and port. */
const MAX_AUTHORITY_LENGTH = 1100;

/** Parses a host as in a URL or a `Host` header, without a port: a name, IPv4, or IPv6 in brackets. Null if it could mean something else. */
export function parseHost(text: string): HostRef | null {
  if (text.startsWith("[")) {
    const inner = /^\[([^\]]+)\]$/.exec(text)?.[1];
    if (!inner?.includes(":")) return null;
    const address = parseAddress(inner);
    return address && { address };
  }
  if (text.includes(":")) return null;
  const address = parseAddress(text);
  if (address) return { address };
  const name = canonicalName(text);
  return name === null ? null : { name };
}

/** Parses a host and an optional port, as in a `Host` header, `:authority`, or the target of a `CONNECT`. */
export function parseAuthority(text: string): Authority | null {
  if (text.length > MAX_AUTHORITY_LENGTH) return null;
  const colon = text.lastIndexOf(":");
  const hasPort = colon > text.lastIndexOf("]");
  const host = parseHost(hasPort ? text.slice(0, colon) : text);
  if (!host) return null;
  if (!hasPort) return { host, port: null };
  const port = parsePort(text.slice(colon + 1));
  return port === null ? null : { host, port };
}

/** Parses a port from 1 to 65535, in decimal without leading zeros. */
export function parsePort(text: string): number | null {
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0;
  return isPort(port) ? port : null;
}

/** Whether a number is a valid port. */
export function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535;
}

/** A host as in a URL: IPv6 in brackets. {@link parseHost} reads it back. */
export function hostText(host: HostRef): string {
  if ("name" in host) return host.name;
  return host.address.family === 6 ? `[${host.address.text}]` : host.address.text;
}

/** `host:port`, or the host alone. {@link parseAuthority} reads it back. */
export function authorityText(host: HostRef, port: number | null): string {
  return port === null ? hostText(host) : `${hostText(host)}:${port}`;
}

/** Whether two hosts have the same name or address. */
export function sameHost(a: HostRef, b: HostRef): boolean {
  return hostText(a) === hostText(b);
}
