import type { Secret, SecretSet } from "../secret.ts";
import { sightings } from "./sightings.ts";

/** What happened to the placeholders in a request's head. */
export interface Substituted {
  /** Names of secrets that were substituted. */
  used: string[];
  /** Names of secrets whose placeholder was found, encoded or not, but not replaced. */
  refused: string[];
  /** Those of `refused` that are approved here, but whose value is not valid in that place, with the reason; never contains a value. */
  unfit: { name: string; reason: string }[];
}

/** Fields that frame or route a message (RFC 9110, sections 7.2, 7.6, 8.6; RFC 9113, section 8.3). Nothing is substituted in them. */
const UNTOUCHED = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "te",
  "trailer",
  "upgrade",
  "expect",
  "http2-settings",
]);

/** Whether a field must be left unchanged. */
function untouched(name: string): boolean {
  const lower = name.toLowerCase();
  return lower.startsWith(":") || lower.startsWith("proxy-") || UNTOUCHED.has(lower);
}

/**
 * Substitutes approved secrets in header values, including inside Basic credentials.
 *
 * @param rawHeaders names and values as in Node: one character per byte
 * @param approved the secrets that the request's host may receive
 * @param all all secrets of the sandbox
 *
 * @example
 * ```ts
 * const { headers } = substituteHeaders([["Authorization", `Bearer ${placeholder}`]], approved, all);
 * ```
 */
export function substituteHeaders(
  rawHeaders: [string, string][],
  approved: readonly Secret[],
  all: SecretSet,
): Substituted & { headers: [string, string][] } {
  const ledger = new Ledger(approved, all);
  const headers = rawHeaders.map(([name, value]): [string, string] => {
    const replaced = untouched(name) ? value : inHeader(name, value, ledger);
    ledger.refuse(name);
    ledger.refuse(replaced);
    return [name, replaced];
  });
  return { headers, ...ledger.result() };
}

/**
 * Substitutes approved secrets, percent-encoded, in the query of a request's target. The path is left unchanged: everything on the way logs
 * and caches paths.
 */
export function substituteQuery(
  pathWithQuery: string,
  approved: readonly Secret[],
  all: SecretSet,
): Substituted & { path: string } {
  const ledger = new Ledger(approved, all);
  const question = pathWithQuery.indexOf("?");
  const end = question < 0 ? pathWithQuery.length : question;
  const query = ledger.replace(pathWithQuery.slice(end), ({ value }) => ({ text: percentEncode(value) }));
  ledger.refuse(pathWithQuery.slice(0, end));
  ledger.refuse(query);
  return { path: pathWithQuery.slice(0, end) + query, ...ledger.result() };
}

/** Percent-encodes everything except unreserved characters (RFC 3986, section 2.3). */
export function percentEncode(value: Buffer): string {
  return value
    .toString("latin1")
    .replace(/[^A-Za-z0-9\-._~]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

type Written = { text: string } | { reason: string };

/** Replaces placeholders, and records what was done. */
class Ledger {
  readonly #approved: readonly Secret[];
  readonly #all: SecretSet;
  readonly #used = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #unfit = new Map<string, string>();

  constructor(approved: readonly Secret[], all: SecretSet) {
    this.#approved = approved;
    this.#all = all;
  }

  /** Replaces placeholders with values. Placeholders of another sandbox are ordinary text. */
  replace(text: string, write: (secret: Secret) => Written): string {
    return this.#all.placeholders.replace(text, (placeholder) => this.#use(placeholder, write));
  }

  /** The replacement for a placeholder; undefined leaves it in place. */
  #use(placeholder: string, write: (secret: Secret) => Written): string | undefined {
    const secret = this.#all.byPlaceholder(placeholder);
    if (!secret || !this.#approved.includes(secret)) return undefined;
    const written = write(secret);
    if ("text" in written) {
      this.#used.add(secret.name);
      return written.text;
    }
    this.#unfit.set(secret.name, written.reason);
    return undefined;
  }

  /** Records the placeholders left in a text, including encoded ones, which are never replaced. */
  refuse(text: string): void {
    for (const name of sightings(text, this.#all)) this.#refused.add(name);
  }

  result(): Substituted {
    return {
      used: [...this.#used],
      refused: [...this.#refused],
      unfit: Array.from(this.#unfit, ([name, reason]) => ({ name, reason })),
    };
  }
}

/** RFC 9110, section 5.5: visible characters, bytes above ASCII, spaces and tabs. */
const NOT_IN_HEADER = /[^\t\x20-\x7e\x80-\xff]/;
/** RFC 7617, section 2: user and password must not contain control characters. */
const NOT_IN_BASIC = /[\x00-\x1f\x7f]/;

function headerValue({ name, value }: Secret): Written {
  const text = value.toString("latin1");
  if (!NOT_IN_HEADER.test(text)) return { text };
  return { reason: `The value of ${name} contains a character that is not allowed in a header, such as a line break` };
}

function basicValue({ name, value }: Secret): Written {
  const text = value.toString("latin1");
  if (!NOT_IN_BASIC.test(text)) return { text };
  return {
    reason: `The value of ${name} contains a control character, such as a line break, which is not allowed in Basic credentials`,
  };
}

function inHeader(name: string, value: string, ledger: Ledger): string {
  const replaced = ledger.replace(value, headerValue);
  return name.toLowerCase() === "authorization" ? inBasic(replaced, ledger) : replaced;
}

/** Replaces placeholders inside `Basic <base64 of user:password>`. */
function inBasic(header: string, ledger: Ledger): string {
  const [, scheme, encoded] = /^([ \t]*basic[ \t]+)([A-Za-z0-9+/]+={0,2})[ \t]*$/i.exec(header) ?? [];
  if (scheme === undefined || encoded === undefined) return header;
  const credentials = Buffer.from(encoded, "base64").toString("latin1");
  const replaced = ledger.replace(credentials, basicValue);
  return replaced === credentials ? header : scheme + Buffer.from(replaced, "latin1").toString("base64");
}
