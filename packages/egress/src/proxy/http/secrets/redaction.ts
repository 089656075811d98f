/** Values of secrets in answers turn back into placeholders. */
import { pipeline, type Readable, type Transform } from "node:stream";
import { decoder, type Redactor } from "../../../secrets/mod.ts";
import { type Header, isValid, lists, safeTrailers, value, without } from "../../headers.ts";
import { Refusal } from "../../refusal.ts";
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

/** Headers that are not true any more when a body has been decoded. */
const OF_CODED_BODY = [
  "content-length",
  "content-encoding",
  "content-md5",
  "digest",
  "content-digest",
  "repr-digest",
  "accept-ranges",
];

/** Headers or trailers as the guest may see them: the one way for every head that comes from an upstream. */
export function redactHeaders(redactor: Redactor, headers: readonly Header[]): Header[] {
  return headers
    .map((header) => redactor.redactField(header))
    .filter((header) => header !== null)
    .filter(isValid);
}

/**
 * An answer as the guest may see it.
 *
 * @throws {Refusal} when it cannot be searched
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
  if (search.steps === null) {
    response.body.resume();
    return { ...rest, status: search.status, statusText: "", headers: redactHeaders(redactor, kept), body: null };
  }
  const body = pipeline([response.body, ...search.steps], () => undefined) as unknown as Readable;
  return { ...rest, status: search.status, headers: redactHeaders(redactor, kept), body };
}

interface BodySearch {
  status: number;
  headers: Header[];
  /** What the body goes through; null when there is to be none. */
  steps: Transform[] | null;
  /** Whether it comes out without the coding that it had. */
  decoded: boolean;
}

/**
 * How an answer's body is searched.
 *
 * @param known whether the host may have been told a value
 * @param part what of it is wanted, if more was asked for
 * @returns why it cannot be
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
  // No part was asked for, or one for the whole was made of it.
  if (known && status === 206 && !part)
    return Refusal.failed(
      "The upstream answered with a part that was not requested, in which a secret's value could be cut in two.",
    );
  const same = { status, headers, decoded: false };
  if (decoders === null || (value(headers, "grpc-encoding") ?? "identity") !== "identity") {
    if (known)
      return Refusal.failed(
        "The upstream's answer is in a coding that cannot be decoded, so it cannot be searched for secrets.",
      );
    // Only its bytes as they are.
    return { ...same, steps: [redactor.redactBody({ keepLength: true })] };
  }
  if (decoders.length > 0) {
    if (status === 206)
      return Refusal.failed(
        "The upstream's answer is a part of an encoded body, so it cannot be searched for secrets.",
      );
    if (!known && redactor.isChanceless && canWatch(encoding))
      return { ...same, steps: [new Watched(decoders[0]!, redactor)] };
    return {
      ...same,
      decoded: true,
      steps: [...decoders, ...(grpc ? messageSteps(redactor, known) : [redactor.redactBody()])],
    };
  }
  // What has a length, or can be asked for in parts, keeps it.
  const keepLength =
    status === 206 || value(headers, "content-length") !== undefined || lists(headers, "accept-ranges", "bytes");
  const steps = grpc ? messageSteps(redactor, known) : [redactor.redactBody({ keepLength })];
  if (status !== 206 || !part) return { ...same, steps };
  try {
    const { cut, ...rest } = cutPart(part, headers);
    return { ...same, ...rest, steps: cut && [...steps, cut] };
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** What calls itself messages is searched as the bytes that it is, and as the contents of its messages one after the other. */
function messageSteps(redactor: Redactor, known: boolean): Transform[] {
  return [
    new RedactedMessages(redactor.scanner({ keepLength: true }), known),
    new JoinedMessages(redactor.scanner({ keepLength: true })),
  ];
}
