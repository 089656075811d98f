/** Values of secrets in answers turn back into placeholders. */
import { pipeline, type Readable } from "node:stream";
import { decoder } from "../secrets/mod.ts";
import { type Header, isValid, safeTrailers, value, without } from "./headers.ts";
import { Refusal } from "./refusal.ts";
import type { Session, Site } from "./session.ts";
import { approvedSecrets } from "./substitution.ts";
import type { UpstreamResponse } from "./upstream.ts";

export interface Redacted {
  statusText: string;
  headers: Header[];
  body: Readable | null;
  trailers: () => Header[];
}

/** @throws {Refusal} when a host that may have got a secret answers with what cannot be looked into */
export function redactResponse(session: Session, site: Site, method: string, response: UpstreamResponse): Redacted {
  const { secrets, redactor } = session.flow.tenant;
  const empty = method === "HEAD" || response.status === 204 || response.status === 304;
  if (secrets.all.length === 0) {
    if (empty) response.body.resume();
    return { statusText: response.statusText, headers: response.headers.filter(isValid), body: empty ? null : response.body, trailers: () => safeTrailers(response.trailers()) };
  }
  const clean = (headers: Header[]) => headers.map(([name, text]): Header => [redactor.redactText(name).text, redactor.redactText(text).text]).filter(isValid);
  const rest = { statusText: redactor.redactText(response.statusText).text, trailers: () => clean(safeTrailers(response.trailers())) };
  const encoding = (value(response.headers, "content-encoding") ?? "identity").trim().toLowerCase();
  const opened = without(response.headers, "content-length", "content-encoding", "content-md5", "digest", "content-digest", "repr-digest");
  if (empty) {
    response.body.resume();
    return { ...rest, headers: clean(encoding === "identity" || response.status === 304 ? response.headers : opened), body: null };
  }
  const steps = decoder(encoding);
  const grpcEncoding = value(response.headers, "grpc-encoding") ?? "identity";
  if (steps === null || grpcEncoding !== "identity") {
    if (approvedSecrets(session, site).length > 0) {
      response.body.destroy();
      throw Refusal.failed("The upstream's answer is in a coding that cannot be opened, so it cannot be searched for secrets.");
    }
    return { ...rest, headers: clean(response.headers), body: response.body };
  }
  const keepLength = response.status === 206 || /^application\/grpc\b/i.test(value(response.headers, "content-type") ?? "");
  const body = pipeline([response.body, ...steps, redactor.redactBody({ keepLength })], () => undefined) as unknown as Readable;
  return { ...rest, headers: clean(opened), body };
}
