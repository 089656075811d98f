/** Redacts responses: secret values turn back into placeholders. */
import { pipeline, type Readable, type Transform } from "node:stream";
import { type Header, isValid, lists, safeTrailers, value, without } from "@sandkeep/common/http";
import { decoder, type RedactionOptions, type Redactor } from "../../../secrets/mod.ts";
import { Refusal } from "../../refusal.ts";
import { ScannedBody } from "../../streams/scanned-body.ts";
import type { HttpConnection } from "../http-connection.ts";
import type { UpstreamResponse } from "../upstream.ts";
import { isGrpc, JoinedMessages, RedactedMessages } from "./grpc.ts";
import { cutPart, type WantedPart } from "./part.ts";
import type { Placed } from "./substitution.ts";
import { canWatch, Watched } from "./watched.ts";

export interface Redacted {
  status: number;
  statusText: string;
  headers: Header[];
  body: Readable | null;
  trailers: () => Header[];
}

/** Headers that are wrong once a body has been decoded. */
const OF_CODED_BODY = [
  "content-length",
  "content-encoding",
  "content-md5",
  "digest",
  "content-digest",
  "repr-digest",
  "accept-ranges",
];

/** Redacts headers or trailers. Every head from an upstream goes through this. */
export function redactHeaders(redactor: Redactor, headers: readonly Header[]): Header[] {
  return headers
    .map((header) => redactor.redactField(header))
    .filter((header) => header !== null)
    .filter(isValid);
}

/**
 * Redacts a response.
 *
 * @throws {Refusal} if it cannot be searched
 */
export function redactResponse(
  connection: HttpConnection,
  method: string,
  { known, part }: Pick<Placed, "known" | "part">,
  response: UpstreamResponse,
): Redacted {
  const { redactor } = connection.flow.sandbox;
  const { status, headers } = response;
  const empty = method === "HEAD" || status === 204 || status === 304 || response.empty;
  if (redactor.isEmpty) {
    if (empty) response.body.resume();
    return {
      status,
      statusText: response.statusText,
      headers: headers.filter(isValid),
      body: empty ? null : response.body,
      trailers: () => safeTrailers(response.trailers()),
    };
  }
  const rest = {
    status,
    statusText: redactor.redactText(response.statusText).text,
    trailers: () => redactHeaders(redactor, safeTrailers(response.trailers())),
  };
  const search = searchOf(redactor, known, part, response);
  if (search instanceof Refusal && !empty) {
    response.body.destroy();
    throw search;
  }
  if (empty || search instanceof Refusal) {
    response.body.resume();
    const decoded = !(search instanceof Refusal) && search.decoded && status !== 304 && !response.empty;
    return {
      ...rest,
      headers: redactHeaders(redactor, decoded ? without(headers, ...OF_CODED_BODY) : headers),
      body: null,
    };
  }
  const kept = search.decoded ? without(headers, ...OF_CODED_BODY) : search.headers;
  if (search.of === null) {
    response.body.resume();
    return { ...rest, status: search.status, statusText: "", headers: redactHeaders(redactor, kept), body: null };
  }
  return { ...rest, status: search.status, headers: redactHeaders(redactor, kept), body: search.of(response.body) };
}

interface BodySearch {
  status: number;
  headers: Header[];
  /** Returns the body without values; null if there must be no body. */
  of: ((body: Readable) => Readable) | null;
  /** Whether it also decodes the body. */
  decoded: boolean;
}

/**
 * Decides how to search a response's body.
 *
 * @param known whether the host may know a value
 * @param part the wanted part, if a larger one was requested
 * @returns a refusal if the body cannot be searched
 */
function searchOf(
  redactor: Redactor,
  known: boolean,
  part: WantedPart | null,
  { status, headers }: UpstreamResponse,
): BodySearch | Refusal {
  const encoding = (value(headers, "content-encoding") ?? "identity").trim().toLowerCase();
  const grpc = isGrpc(value(headers, "content-type"));
  const decoders = decoder(encoding);
  // No part was requested from the upstream.
  if (known && status === 206 && !part)
    return Refusal.failed(
      "The upstream responded with a part that was not requested, in which a secret's value could be cut in two.",
    );
  const same = { status, headers, decoded: false };
  if (decoders === null || (value(headers, "grpc-encoding") ?? "identity") !== "identity") {
    if (known)
      return Refusal.failed(
        "The upstream's response is in a coding that cannot be decoded, so it cannot be searched for secrets.",
      );
    // Searches only the encoded bytes.
    return { ...same, of: scanned(redactor, { keepLength: true }) };
  }
  if (decoders.length > 0) {
    if (status === 206)
      return Refusal.failed(
        "The upstream's response is a part of an encoded body, so it cannot be searched for secrets.",
      );
    if (!known && redactor.isChanceless && canWatch(encoding))
      return { ...same, of: through([new Watched(decoders[0]!, redactor)]) };
    return {
      ...same,
      decoded: true,
      of: through([...decoders, ...(grpc ? messageSteps(redactor, known) : [redactor.redactBody()])]),
    };
  }
  // A body with a length, or one that can be requested in parts, keeps its length.
  const keepLength =
    status === 206 || value(headers, "content-length") !== undefined || lists(headers, "accept-ranges", "bytes");
  if (status !== 206 || !part)
    return { ...same, of: grpc ? through(messageSteps(redactor, known)) : scanned(redactor, { keepLength }) };
  try {
    const { cut, ...rest } = cutPart(part, headers);
    const steps = grpc ? messageSteps(redactor, known) : [redactor.redactBody({ keepLength })];
    return { ...same, ...rest, of: cut && through([...steps, cut]) };
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

function scanned(redactor: Redactor, options: RedactionOptions): (body: Readable) => Readable {
  return (body) => new ScannedBody(body, redactor.scanner(options));
}

function through(steps: Transform[]): (body: Readable) => Readable {
  return (body) => pipeline([body, ...steps], () => undefined) as unknown as Readable;
}

/** gRPC bodies are searched twice: as plain bytes, and as the joined contents of their messages. */
function messageSteps(redactor: Redactor, known: boolean): Transform[] {
  return [
    new RedactedMessages(redactor.scanner({ keepLength: true }), known),
    new JoinedMessages(redactor.scanner({ keepLength: true })),
  ];
}
