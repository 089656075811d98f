/** Values of secrets in answers turn back into placeholders. */
import { pipeline, type Readable } from "node:stream";
import { decoder, type Redactor } from "../secrets/mod.ts";
import { isGrpc, RedactedMessages } from "./grpc.ts";
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

/** Headers or trailers as the guest may see them: the one way for every head that comes from an upstream. */
export function redactHeaders(redactor: Redactor, headers: readonly Header[]): Header[] {
  return headers.map((header) => redactor.redactField(header)).filter((header) => header !== null).filter(isValid);
}

/** @throws {Refusal} when a host that may have got a secret answers with what cannot be looked into */
export function redactResponse(session: Session, site: Site, method: string, response: UpstreamResponse): Redacted {
  const { redactor } = session.flow.tenant;
  const empty = method === "HEAD" || response.status === 204 || response.status === 304 || response.empty;
  if (redactor.isEmpty) {
    if (empty) response.body.resume();
    return { statusText: response.statusText, headers: response.headers.filter(isValid), body: empty ? null : response.body, trailers: () => safeTrailers(response.trailers()) };
  }
  const clean = (headers: Header[]) => redactHeaders(redactor, headers);
  const rest = { statusText: redactor.redactText(response.statusText).text, trailers: () => clean(safeTrailers(response.trailers())) };
  const encoding = (value(response.headers, "content-encoding") ?? "identity").trim().toLowerCase();
  const opened = without(response.headers, "content-length", "content-encoding", "content-md5", "digest", "content-digest", "repr-digest");
  if (empty) {
    response.body.resume();
    return { ...rest, headers: clean(encoding === "identity" || response.status === 304 || response.empty ? response.headers : opened), body: null };
  }
  const approved = approvedSecrets(session, site).length > 0;
  const steps = decoder(encoding);
  const grpcEncoding = value(response.headers, "grpc-encoding") ?? "identity";
  if (steps === null || grpcEncoding !== "identity") {
    if (approved) {
      response.body.destroy();
      throw Refusal.failed("The upstream's answer is in a coding that cannot be opened, so it cannot be searched for secrets.");
    }
    return { ...rest, headers: clean(response.headers), body: response.body };
  }
  const search = isGrpc(value(response.headers, "content-type"))
    ? new RedactedMessages(redactor.scanner({ keepLength: true }), approved)
    : redactor.redactBody({ keepLength: response.status === 206 });
  const body = pipeline([response.body, ...steps, search], () => undefined) as unknown as Readable;
  return { ...rest, headers: clean(opened), body };
}
