/** Where the secrets of a sandbox are put into a request, and where their placeholders stay. */
import type { Readable, Transform } from "node:stream";
import { type Secret, bodyMayChange, bodySubstitution, filterAcceptEncoding, ScannerTransform, substituteHeaders, substituteQuery } from "../secrets/mod.ts";
import { type Header, value, without } from "./headers.ts";
import { LiveSubstitution } from "./live-substitution.ts";
import type { RequestRecord } from "./record.ts";
import { Refusal } from "./refusal.ts";
import type { Session, Site } from "./session.ts";

export interface Placed {
  path: string;
  headers: Header[];
  /** Whether the body's length is not known any more. */
  bodyMayChange: boolean;
  /** What the body has to go through, or null. */
  body(contentType: string | undefined, body: Readable): Transform | null;
  /** Takes down what was found in the body. */
  finish(): void;
}

/**
 * The secrets that a request may carry: those approved for its name, if TLS was opened here and the upstream's certificate is
 * for that name. The name was resolved by the host, since nothing else is dialled for a name.
 */
export function approvedSecrets(session: Session, site: Site): Secret[] {
  if (!session.verified || session.scheme !== "https" || !("name" in site.host)) return [];
  return session.flow.tenant.secrets.approvedFor(site.host.name, site.port);
}

/** A request that goes as it is, or nowhere. */
export function placeNothing({ path, headers }: { path: string; headers: Header[] }): Placed {
  return { path, headers, bodyMayChange: false, body: () => null, finish: () => undefined };
}

/** @throws {Refusal} */
export function placeSecrets(session: Session, site: Site, { method, path, headers }: { method: string; path: string; headers: Header[] }, record: RequestRecord): Placed {
  const { secrets, redactor } = session.flow.tenant;
  // Also when the last one was revoked: its value may still come back.
  if (redactor.isEmpty) return placeNothing({ path, headers });
  const approved = approvedSecrets(session, site);
  if (approved.length > 0 && method === "TRACE") throw Refusal.malformed("TRACE is not sent to hosts that get secrets.", 405);
  const inHeaders = substituteHeaders(readable(headers, approved), approved, secrets);
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
    body: (contentType, body) => {
      if (changes) {
        const scanner = new LiveSubstitution(() => session.flow.tenant.secrets, () => approvedSecrets(session, site), contentType, record);
        finish = () => scanner.note();
        return new ScannerTransform(scanner);
      }
      // Nothing is put in; it is only looked at, without holding anything back.
      const scanner = bodySubstitution([], secrets, contentType);
      body.on("data", (chunk: Buffer) => scanner.push(chunk));
      finish = () => record.note("placeholders", scanner.refused());
      return null;
    },
    finish: () => finish(),
  };
}

/** Asks for answers that can be read, so that values in them can be found. */
function readable(headers: Header[], approved: readonly Secret[]): Header[] {
  const list = headers.map(([name, text]): Header => [name, name.toLowerCase() === "accept-encoding" ? filterAcceptEncoding(text) : text]);
  // In ranges a value could be fetched bit by bit; messages of gRPC may be compressed one by one.
  return approved.length > 0 ? without(list, "range", "if-range", "grpc-accept-encoding") : list;
}
