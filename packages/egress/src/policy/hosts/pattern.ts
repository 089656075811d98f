import { PolicyError, quote } from "../error.ts";
import { ADDRESS_BITS, type Address, makeAddress, parseAddress } from "./address.ts";
import { hostText, parseHost, parsePort } from "./host.ts";
import { canonicalName } from "./name.ts";

/** What a pattern matches. `port` null: every port. */
export type Pattern = { readonly port: number | null /** Its one form. */; readonly text: string } & (
  | { readonly kind: "name"; readonly name: string }
  /** Every name below `suffix`, at any depth, not `suffix` itself. */
  | { readonly kind: "suffix"; readonly suffix: string }
  | { readonly kind: "address"; readonly address: Address }
  /** Every address with the first `bits` of `base`. */
  | { readonly kind: "range"; readonly base: Address; readonly bits: number }
);

/** An invalid pattern. */
export class PatternError extends PolicyError {
  override readonly name = "PatternError";
  readonly pattern: string;
  /** The end of a sentence, such as `it is a URL; write only the host`. */
  readonly reason: string;

  constructor(pattern: string, reason: string) {
    super(`The pattern ${quote(pattern)} is not valid: ${reason}.`);
    this.pattern = pattern;
    this.reason = reason;
  }
}

/** Longest pattern, in characters. Names have up to 253, more before they are in canonical form. */
export const MAX_PATTERN_LENGTH = 512;

/** What a pattern matches, without its port. */
type Target =
  | { kind: "name"; name: string }
  | { kind: "suffix"; suffix: string }
  | { kind: "address"; address: Address }
  | { kind: "range"; base: Address; bits: number };

/**
 * Parses a host pattern: `example.com`, `*.example.com`, an IPv4 or IPv6 address, or an address range, each with or without a port.
 *
 * @throws PatternError
 *
 * @example
 * ```ts
 * parsePattern("*.Example.com:443").text; // "*.example.com:443"
 * parsePattern("[2001:db8::/32]:443").kind; // "range"
 * ```
 */
export function parsePattern(text: string): Pattern {
  const reason = unfit(text);
  if (reason !== null) throw new PatternError(text, reason);
  const { target, port } = text.startsWith("[") ? bracketed(text) : text.includes("/") ? plainRange(text) : plain(text);
  return { ...target, port, text: patternText(target, port) };
}

/**
 * Parses a pattern for a secret's hosts: a name, exact or `*.suffix`, with or without a port.
 *
 * @throws PatternError
 */
export function parseNamePattern(text: string): Pattern & { kind: "name" | "suffix" } {
  const pattern = parsePattern(text);
  if (pattern.kind === "name" || pattern.kind === "suffix") return pattern;
  throw new PatternError(text, "it is an address; use the host's name, which its certificate can prove");
}

function patternText(target: Target, port: number | null): string {
  const end = port === null ? "" : `:${port}`;
  switch (target.kind) {
    case "name":
      return `${target.name}${end}`;
    case "suffix":
      return `*.${target.suffix}${end}`;
    case "address":
      return `${hostText(target)}${end}`;
    case "range": {
      const range = `${target.base.text}/${target.bits}`;
      return target.base.family === 6 && port !== null ? `[${range}]${end}` : `${range}${end}`;
    }
  }
}

interface Parsed {
  target: Target;
  port: number | null;
}

/** Mistakes that make a text invalid whatever kind of pattern was meant. */
function unfit(text: string): string | null {
  if (text === "") return "it is empty";
  if (text.length > MAX_PATTERN_LENGTH) return `it is longer than ${MAX_PATTERN_LENGTH} characters`;
  if (/[\x00-\x1f\x7f]/.test(text)) return "it contains a control character";
  if (/\s/.test(text)) return "it contains a space";
  const url = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([^/?#]*)/i.exec(text);
  if (url) return `it is a URL; write only the host, such as "${suggestion(url[1]!)}"`;
  if (text.includes("@")) return "it contains a user name or a password; write only the host";
  if (/[?#]/.test(text)) return "it contains a query or a fragment; write only the host";
  if (text.includes("%")) return "it contains a percent sign; percent-encoding and IPv6 zones are not supported";
  return null;
}

const suggestion = (host: string) => {
  try {
    return parsePattern(host).text;
  } catch {
    return "example.com";
  }
};

/** `[IPv6]`, `[IPv6]:port`, `[IPv6/bits]`, `[IPv6/bits]:port`. */
function bracketed(text: string): Parsed {
  const [, inner, end] = /^\[([^[\]]*)\](.*)$/.exec(text) ?? [];
  if (inner === undefined || end === undefined) throw new PatternError(text, "its bracket is not closed");
  if (!inner.includes(":")) throw new PatternError(text, "only IPv6 addresses can be in brackets");
  if (end !== "" && !end.startsWith(":"))
    throw new PatternError(text, 'only a port can follow the bracket, as in "[2001:db8::1]:80"');
  const port = end === "" ? null : portOf(text, end.slice(1));
  const [base = "", bits] = inner.split(/\/(.*)/);
  return {
    target: bits === undefined ? { kind: "address", address: addressOf(text, base) } : rangeOf(text, base, bits),
    port,
  };
}

/** `IPv4/bits`, `IPv4/bits:port`, `IPv6/bits`. */
function plainRange(text: string): Parsed {
  const [base = "", rest = ""] = text.split(/\/(.*)/);
  if (parseAddress(base) === null || !/^[0-9]/.test(rest)) {
    throw new PatternError(
      text,
      /^[0-9.]+$/.test(base) ? notation : "it contains a path; write only the host, and use request rules for paths",
    );
  }
  const [bits = "", port] = rest.split(/:(.*)/);
  if (port !== undefined && base.includes(":"))
    throw new PatternError(text, `an IPv6 range with a port needs brackets, as in "[${base}/${bits}]:443"`);
  return { target: rangeOf(text, base, bits), port: port === undefined ? null : portOf(text, port) };
}

/** A name, `*.suffix` or IPv4 with or without a port, or IPv6 alone. */
function plain(text: string): Parsed {
  const colon = text.lastIndexOf(":");
  if (text.indexOf(":") !== colon) return { target: { kind: "address", address: bareIPv6(text, colon) }, port: null };
  const host = colon < 0 ? text : text.slice(0, colon);
  const target = hostOf(text, host);
  return { target, port: colon < 0 ? null : portOf(text, text.slice(colon + 1)) };
}

function hostOf(text: string, host: string): Target {
  if (host === "") throw new PatternError(text, "it has no host");
  if (host.includes("*")) return suffixOf(text, host);
  const parsed = parseHost(host);
  if (parsed)
    return "name" in parsed ? { kind: "name", name: parsed.name } : { kind: "address", address: parsed.address };
  if (host.startsWith("."))
    throw new PatternError(text, `it starts with a dot; to match every name below a domain, write "*${host}"`);
  throw new PatternError(text, /(^|\.)([0-9]+|0x[0-9a-f]*)\.?$/i.test(host) ? notation : "it is not a valid host name");
}

const notation =
  'an IPv4 address is written as four decimal numbers, such as "192.0.2.1", and a range as "192.0.2.0/24"';

function suffixOf(text: string, host: string): Target {
  if (/^\*\.?$/.test(host))
    throw new PatternError(text, '"*" alone would match everything; to allow every public host, leave out allowNet');
  if (!host.startsWith("*.") || host.indexOf("*", 1) > 0)
    throw new PatternError(text, 'a "*" can only be the start of a name, as in "*.example.com"');
  const suffix = canonicalName(host.slice(2));
  if (suffix === null) throw new PatternError(text, 'what follows "*." is not a valid domain name');
  return { kind: "suffix", suffix };
}

/** IPv6 without brackets, unless its end could also be a port: `2001:db8::1:80`. */
function bareIPv6(text: string, colon: number): Address {
  const port = parsePort(text.slice(colon + 1));
  const before = text.slice(0, colon);
  const address = parseAddress(text);
  if (port !== null && parseAddress(before)) {
    const other = address ? ` or "[${text}]"` : "";
    throw new PatternError(text, `its end could be a port or part of the address; write "[${before}]:${port}"${other}`);
  }
  return address ?? addressOf(text, text);
}

function addressOf(text: string, address: string): Address {
  const parsed = parseAddress(address);
  if (parsed) return parsed;
  throw new PatternError(text, "it is not an IPv6 address");
}

function rangeOf(text: string, baseText: string, bitsText: string): Target {
  const base = addressOf(text, baseText);
  if (base.family === 4 && baseText.includes(":"))
    throw new PatternError(text, "it is an IPv4 range in IPv6 notation; write it as IPv4");
  const width = ADDRESS_BITS[base.family];
  const bits = /^(0|[1-9][0-9]{0,2})$/.test(bitsText) ? Number(bitsText) : Infinity;
  if (bits > width) throw new PatternError(text, `its prefix length is not a number from 0 to ${width}`);
  const rest = BigInt(width - bits);
  const first = makeAddress(base.family, (base.value >> rest) << rest);
  if (first.value !== base.value)
    throw new PatternError(text, `it is not the first address of its range; write "${first.text}/${bits}"`);
  return { kind: "range", base, bits };
}

function portOf(text: string, port: string): number {
  const parsed = parsePort(port);
  if (parsed !== null) return parsed;
  throw new PatternError(
    text,
    port === "" ? "its port is missing after the colon" : "its port is not a number from 1 to 65535",
  );
}
