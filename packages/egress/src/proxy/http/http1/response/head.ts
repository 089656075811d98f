/** The head of a response, and the body framing that follows from it. */
import { type Header, lists, values, without } from "@sandkeep/common/http";
import { Refusal } from "../../../refusal.ts";
import { readFields, readPhrase, trim } from "./fields.ts";

/** How to find the end of a body (RFC 9112 §6.3). */
export type Framing = { kind: "none" } | { kind: "length"; bytes: number } | { kind: "chunked" } | { kind: "close" };

export interface ResponseHead {
  status: number;
  statusText: string;
  /** Normalised: at most one `Content-Length`, and none if the body is chunked. */
  headers: Header[];
  framing: Framing;
  /** Whether the connection closes after this response. */
  last: boolean;
}

const STATUS_LINE = /^HTTP\/1\.([0-9])[ \t]+([1-9][0-9]{2})(?:[ \t]([^]*))?$/i;
/** A length. More digits could not be represented exactly. */
const LENGTH = /^0*([0-9]{1,15})$/;

const PREFIX = "HTTP/1.";

/**
 * Whether a text could become a status line. If not, there is no point in waiting for the line's end.
 *
 * @param text the first line, or the part that has arrived
 */
export function maybeStatusLine(text: string): boolean {
  return PREFIX.startsWith(text.slice(0, PREFIX.length).toUpperCase());
}

/** @throws {Refusal} */
export function readStatusLine(line: string): { minor: string; status: number; phrase: string } {
  const [, minor, code, phrase = ""] = STATUS_LINE.exec(line) ?? [];
  if (minor === undefined || code === undefined)
    throw Refusal.failed("The upstream's response does not begin with an HTTP/1 status line.");
  return { minor, status: Number(code), phrase };
}

/**
 * @param lines without line ends
 * @throws {Refusal} if it is not a valid head, or has contradictory lengths
 */
export function readResponseHead(lines: readonly string[], method: string): ResponseHead {
  const { minor, status, phrase } = readStatusLine(lines[0]!);
  const fields = readFields(lines.slice(1));
  const chunked = isChunked(fields);
  const bytes = lengthOf(fields);
  const headers = bytes === null && !chunked ? fields : without(fields, "content-length");
  if (bytes !== null && !chunked && status !== 204) headers.push(["Content-Length", String(bytes)]);
  const framing = framingOf(status, method, chunked, bytes);
  const persistent = minor === "0" ? lists(fields, "connection", "keep-alive") : !lists(fields, "connection", "close");
  // With both framings, it is unclear where the next response begins (RFC 9112 §6.1).
  return {
    status,
    statusText: readPhrase(phrase),
    headers,
    framing,
    last: !persistent || framing.kind === "close" || (chunked && bytes !== null),
  };
}

function framingOf(status: number, method: string, chunked: boolean, bytes: number | null): Framing {
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return { kind: "none" };
  if (chunked) return { kind: "chunked" };
  return bytes === null ? { kind: "close" } : { kind: "length", bytes };
}

/** The proxy never asks for a transfer coding, so only chunked is valid. "identity" is the obsolete name for none. */
function isChunked(fields: readonly Header[]): boolean {
  const codings = words(fields, "transfer-encoding")
    .map((word) => word.toLowerCase())
    .filter((word) => word !== "identity");
  if (codings.some((word) => word !== "chunked"))
    throw Refusal.failed("The upstream's response is in a transfer coding that was not requested.");
  return codings.length > 0;
}

/** Repetitions of the same length count as one (RFC 9110 §8.6). */
function lengthOf(fields: readonly Header[]): number | null {
  const lengths = words(fields, "content-length").map((word) => LENGTH.exec(word)?.[1]);
  if (lengths.includes(undefined))
    throw Refusal.failed("The upstream's response has a Content-Length that is not a number.");
  const different = new Set(lengths.map(Number));
  if (different.size > 1) throw Refusal.failed("The upstream's response has two different Content-Lengths.");
  return different.size === 0 ? null : [...different][0]!;
}

function words(fields: readonly Header[], name: string): string[] {
  return values(fields, name)
    .flatMap((text) => text.split(","))
    .map(trim)
    .filter((word) => word !== "");
}
