import type { Transform } from "node:stream";
import { ReplacingScanner, type Scanner, ScannerTransform } from "../search/scanner.ts";
import type { Secret, SecretSet } from "../secret.ts";
import { placeholderFinder } from "./sightings.ts";
import { percentEncode } from "./substitute.ts";

/** What happened to the placeholders of a body so far. */
export interface BodySubstitution {
  /** Names of secrets that were substituted. */
  used(): string[];
  /** Names of secrets whose placeholder was found, encoded or not, but not replaced. */
  refused(): string[];
}

/** Whether substitution can change a body's length, so that its `Content-Length` cannot be kept. */
export function bodyMayChange(approved: readonly Secret[]): boolean {
  return approved.some(({ inBody }) => inBody);
}

/**
 * Substitutes approved secrets that are meant for bodies in a request's body, escaped as its type requires: JSON escapes in JSON,
 * percent-encoding in forms, otherwise unchanged. Other placeholders are left in place and reported.
 *
 * @param contentType the request's `Content-Type`, if any
 */
export function substituteBody(
  approved: readonly Secret[],
  all: SecretSet,
  contentType: string | undefined,
): Transform & BodySubstitution {
  const scanner = bodySubstitution(approved, all, contentType);
  return Object.assign(new ScannerTransform(scanner), { used: () => scanner.used(), refused: () => scanner.refused() });
}

/** The same without a stream, for WebSocket messages. */
export function bodySubstitution(
  approved: readonly Secret[],
  all: SecretSet,
  contentType: string | undefined,
): Scanner & BodySubstitution {
  const used = new Set<string>();
  const refused = new Set<string>();
  const written = all.spellings.map(({ secret }) =>
    secret.inBody && approved.includes(secret) ? writtenIn(contentType, secret.value) : undefined,
  );
  const scanner = new ReplacingScanner(placeholderFinder(all), ({ form, start, end }) => {
    // An encoded placeholder is not replaced, because it is unknown how it will be decoded. It is reported.
    const asItIs = form.kind === "plain" && end - start === all.spellings[form.needle]!.placeholder.length;
    const replacement = asItIs ? written[form.needle] : undefined;
    (replacement ? used : refused).add(all.spellings[form.needle]!.secret.name);
    return replacement;
  });
  return {
    push: (chunk) => scanner.push(chunk),
    flush: () => scanner.flush(),
    used: () => [...used],
    refused: () => [...refused],
  };
}

/** A value, escaped for a body of this type. */
function writtenIn(contentType: string | undefined, value: Buffer): Buffer {
  const type = (contentType ?? "").split(";", 1)[0]!.trim().toLowerCase();
  if (type === "application/x-www-form-urlencoded") return Buffer.from(percentEncode(value));
  if (/^[^/]+\/(?:[^/]+\+)?json$/.test(type)) return Buffer.from(JSON.stringify(value.toString("utf8")).slice(1, -1));
  return value;
}
