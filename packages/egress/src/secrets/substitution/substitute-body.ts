import type { Transform } from "node:stream";
import { ReplacingScanner, type Scanner, ScannerTransform } from "../search/scanner.ts";
import type { Secret, SecretSet } from "../secret.ts";
import { placeholderFinder } from "./sightings.ts";
import { percentEncode } from "./substitute.ts";

/** What became of the placeholders of a body so far. */
export interface BodySubstitution {
  /** Names of secrets that were put in. */
  used(): string[];
  /** Names of secrets whose placeholder was seen, as it is or encoded, but left. */
  refused(): string[];
}

/** Whether a body's length can change on the way, so that a `Content-Length` cannot be kept. */
export function bodyMayChange(approved: readonly Secret[]): boolean {
  return approved.some(({ inBody }) => inBody);
}

/**
 * Puts approved values of secrets that are for bodies into the body of a request, written as its type wants it: escaped in JSON,
 * percent-encoded in forms, otherwise as they are. Other placeholders are left and reported.
 *
 * @param contentType The request's `Content-Type`, if it has one.
 */
export function substituteBody(
  approved: readonly Secret[],
  all: SecretSet,
  contentType: string | undefined,
): Transform & BodySubstitution {
  const scanner = bodySubstitution(approved, all, contentType);
  return Object.assign(new ScannerTransform(scanner), { used: () => scanner.used(), refused: () => scanner.refused() });
}

/** The same without a stream: messages of WebSockets. */
export function bodySubstitution(
  approved: readonly Secret[],
  all: SecretSet,
  contentType: string | undefined,
): Scanner & BodySubstitution {
  const used = new Set<string>();
  const refused = new Set<string>();
  const written = all.all.map((secret) =>
    secret.inBody && approved.includes(secret) ? writtenIn(contentType, secret.value) : undefined,
  );
  const scanner = new ReplacingScanner(placeholderFinder(all), ({ form, start, end }) => {
    // An encoded placeholder is none: what it would become once decoded is not known here. It is worth a report.
    const asItIs = form.kind === "plain" && end - start === all.all[form.needle]!.placeholder.length;
    const replacement = asItIs ? written[form.needle] : undefined;
    (replacement ? used : refused).add(all.all[form.needle]!.name);
    return replacement;
  });
  return {
    push: (chunk) => scanner.push(chunk),
    flush: () => scanner.flush(),
    used: () => [...used],
    refused: () => [...refused],
  };
}

/** A value as it has to be written in a body of this type. */
function writtenIn(contentType: string | undefined, value: Buffer): Buffer {
  const type = (contentType ?? "").split(";", 1)[0]!.trim().toLowerCase();
  if (type === "application/x-www-form-urlencoded") return Buffer.from(percentEncode(value));
  if (/^[^/]+\/(?:[^/]+\+)?json$/.test(type)) return Buffer.from(JSON.stringify(value.toString("utf8")).slice(1, -1));
  return value;
}
