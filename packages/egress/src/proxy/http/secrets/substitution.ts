/** Substitutes a sandbox's secrets in a request. Elsewhere placeholders stay as they are. */
import type { Readable, Transform } from "node:stream";
import { type Header, value, without } from "@sandkeep/common/http";
import {
  bodyMayChange,
  bodySubstitution,
  filterAcceptEncoding,
  type Scanner,
  ScannerTransform,
  SearchLimitError,
  type Secret,
  substituteHeaders,
  substituteQuery,
} from "../../../secrets/mod.ts";
import type { RequestRecord } from "../../connection/record.ts";
import { Refusal } from "../../refusal.ts";
import type { HttpConnection, Site } from "../http-connection.ts";
import { LiveSubstitution } from "./live-substitution.ts";
import { type WantedPart, widenPart } from "./part.ts";

export interface Placed {
  path: string;
  headers: Header[];
  /** Whether the body's length may change. */
  bodyMayChange: boolean;
  /** Whether the responding host may know a value. */
  known: boolean;
  /** The wanted part of the response, if it must be cut out of a larger one. */
  part: WantedPart | null;
  /** The transform for the body, or null. */
  body(contentType: string | undefined, body: Readable): Transform | null;
  /** Records what was found in the body. */
  finish(): void;
}

/**
 * The secrets that a request may carry: those approved for its host name, if TLS is intercepted and the upstream's certificate is
 * valid for that name. The host itself has resolved the name, as for every name that is dialled.
 */
export function approvedSecrets(connection: HttpConnection, site: Site): Secret[] {
  if (!connection.verified || connection.scheme !== "https" || !("name" in site.host)) return [];
  return connection.flow.sandbox.secrets.approvedFor(site.host.name, site.port);
}

/** A request without any substitution. */
export function placeNothing({ path, headers }: { path: string; headers: Header[] }): Placed {
  return { path, headers, bodyMayChange: false, known: false, part: null, body: () => null, finish: () => undefined };
}

/**
 * @param target the request target, which differs from the site if that is an HTTP proxy
 * @throws {Refusal}
 */
export function placeSecrets(
  connection: HttpConnection,
  { site, target }: { site: Site; target: Site },
  { method, path, headers }: { method: string; path: string; headers: Header[] },
  record: RequestRecord,
): Placed {
  const { secrets, redactor } = connection.flow.sandbox;
  // The redactor also covers revoked secrets, whose values may still come back.
  if (redactor.isEmpty) return placeNothing({ path, headers });
  const approved = approvedSecrets(connection, site);
  const known = redactor.isKnownTo(site.host) || redactor.isKnownTo(target.host);
  if (known && method === "TRACE")
    throw Refusal.malformed("TRACE is not sent to hosts that secrets are approved for.", 405);
  const asked = readable(headers);
  // gRPC messages may be compressed individually.
  const { headers: wide, part } = known
    ? widenPart(method, without(asked, "grpc-accept-encoding"), redactor.longestSpelling)
    : { headers: asked, part: null };
  const inHeaders = substituteHeaders(wide, approved, secrets);
  const inQuery = substituteQuery(path, approved, secrets);
  for (const { used, refused } of [inHeaders, inQuery]) {
    record.note("secrets", used);
    record.note("placeholders", refused);
  }
  let finish = () => undefined as void;
  const encoded = (value(headers, "content-encoding") ?? "identity").toLowerCase() !== "identity";
  const changes = bodyMayChange(approved) && !encoded;
  return {
    path: inQuery.path,
    headers: inHeaders.headers,
    bodyMayChange: changes,
    known,
    part,
    body: (contentType, body) => {
      if (changes) {
        const scanner = new LiveSubstitution(
          () => connection.flow.sandbox.secrets,
          () => approvedSecrets(connection, site),
          contentType,
          record,
        );
        finish = () => scanner.note();
        return new ScannerTransform(scanner);
      }
      // Nothing is substituted: the body is only searched, and not delayed.
      const scanner = bodySubstitution([], secrets, contentType);
      body.on("data", (chunk: Buffer) => look(scanner, chunk));
      finish = () => record.note("placeholders", scanner.refused());
      return null;
    },
    finish: () => finish(),
  };
}

/** Searches for placeholders for the record only, and gives up if it would take too long. */
function look(scanner: Scanner, chunk: Buffer): void {
  try {
    scanner.push(chunk);
  } catch (error) {
    if (!(error instanceof SearchLimitError)) throw error;
  }
}

/** Asks only for encodings that can be decoded, so that values in responses can be found. */
function readable(headers: Header[]): Header[] {
  return headers.map(
    ([name, text]): Header => [name, name.toLowerCase() === "accept-encoding" ? filterAcceptEncoding(text) : text],
  );
}
