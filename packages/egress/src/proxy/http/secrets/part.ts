/**
 * Range requests (RFC 9110 §14) to hosts that may know a value. If two parts meet within a value, neither contains all of it. So the proxy
 * requests more than the guest wants, by the length of a value's longest spelling on either side, and cuts out the wanted part after the
 * search.
 */
import { Transform, type TransformCallback } from "node:stream";
import { type Header, value, values, without } from "@sandkeep/common/http";
import { Refusal } from "../../refusal.ts";

const AZURE = "x-ms-range";
/** Headers that servers treat as `Range`: the standard one, Azure's, and one from a draft that Apache still supports. */
const RANGE_HEADERS = ["range", AZURE, "request-range"];
/** One range of bytes: `bytes=0-99`, `bytes=100-` or `bytes=-100`. Numbers of 15 digits are exact. */
const RANGE = /^bytes=(?:([0-9]{1,15})-([0-9]{1,15})?|-([0-9]{1,15}))$/i;
const CONTENT_RANGE = /^bytes ([0-9]{1,15})-([0-9]{1,15})\/(?:([0-9]{1,15})|\*)$/i;

/** The part of a response that a guest wants. */
export interface WantedPart {
  /** Its first byte, or its length counted from the end. */
  from: { first: number } | { last: number };
  /** Its last byte; null for everything to the end. */
  to: number | null;
  /** How many more bytes are requested on either side. */
  margin: number;
}

/**
 * Widens the range of a request. A request for several parts, or one that cannot be parsed, becomes a request for the whole.
 *
 * @param margin bytes
 */
export function widenPart(
  method: string,
  headers: Header[],
  margin: number,
): { headers: Header[]; part: WantedPart | null } {
  // In a PUT to Azure, it is the range to write.
  const names = method === "PUT" ? RANGE_HEADERS.filter((name) => name !== AZURE) : RANGE_HEADERS;
  const given = names.flatMap((name) => values(headers, name));
  if (given.length === 0) return { headers: without(headers, "if-range"), part: null };
  const rest = without(headers, ...names);
  const [, first, to, last] =
    (method === "GET" && given.length === 1 && RANGE.exec(given[0]!.replace(/[ \t]/g, ""))) || [];
  const part: WantedPart | null =
    last !== undefined && Number(last) > 0
      ? { from: { last: Number(last) }, to: null, margin }
      : first !== undefined && !(Number(to) < Number(first))
        ? { from: { first: Number(first) }, to: to === undefined ? null : Number(to), margin }
        : null;
  if (!part) return { headers: without(rest, "if-range"), part };
  const { asked } = bounds(part);
  // A part of an encoded response could not be decoded.
  return {
    headers: [...without(rest, "accept-encoding"), ["Accept-Encoding", "identity"], ["Range", `bytes=${asked}`]],
    part,
  };
}

function bounds({ from, to, margin }: WantedPart): { asked: string; first: number | null } {
  if ("last" in from) return { asked: `-${from.last + margin}`, first: null };
  const first = Math.max(0, from.first - margin);
  return { asked: `${first}-${to === null ? "" : to + margin}`, first };
}

export interface CutPart {
  status: number;
  headers: Header[];
  /** The transform for the searched body; null for no body. */
  cut: Transform | null;
}

/**
 * Cuts the wanted part out of a 206 response.
 *
 * @throws {Refusal} if it is not the part that was requested
 */
export function cutPart(part: WantedPart, headers: readonly Header[]): CutPart {
  const [range, ...more] = values(headers, "content-range");
  const [, start, end, size] = (more.length === 0 && CONTENT_RANGE.exec(range ?? "")) || [];
  if (start === undefined || end === undefined) throw mismatch();
  const [first, last, total] = [Number(start), Number(end), size === undefined ? null : Number(size)];
  const atEnd = total !== null && last === total - 1;
  const { first: asked } = bounds(part);
  const length = value(headers, "content-length");
  if (first > last || (length !== undefined && Number(length) !== last - first + 1)) throw mismatch();
  if (asked !== null ? first !== asked || (part.to !== null && last > part.to + part.margin) : !atEnd) throw mismatch();
  const wanted = "first" in part.from ? part.from.first : Math.max(0, total! - part.from.last);
  // Unless the part ends where the whole does, a value may be split there.
  const safe = atEnd ? last : last - part.margin;
  const until = Math.min(part.to ?? safe, safe);
  if (wanted > until) {
    if (total === null || wanted < total) throw mismatch();
    return {
      status: 416,
      headers: [
        ...without(headers, "content-range", "content-length"),
        ["content-range", `bytes */${total}`],
        ["content-length", "0"],
      ],
      cut: null,
    };
  }
  // A widened suffix may cover the whole, and then starts at its first byte.
  if (first > 0 && wanted - first < part.margin) throw mismatch();
  return {
    status: 206,
    headers: [
      ...without(headers, "content-range", "content-length"),
      ["content-range", `bytes ${wanted}-${until}/${size ?? "*"}`],
      ["content-length", String(until - wanted + 1)],
    ],
    cut: new Cut(wanted - first, until - wanted + 1, last - first + 1),
  };
}

function mismatch(): Refusal {
  return Refusal.failed(
    "The upstream responded with a different part than requested, in which a secret's value could be cut in two.",
  );
}

/** Passes on a section of a body. */
class Cut extends Transform {
  #skip: number;
  #take: number;
  #left: number;

  /**
   * @param skip bytes before the section
   * @param take bytes of the section
   * @param total bytes of the body
   */
  constructor(skip: number, take: number, total: number) {
    super();
    this.#skip = skip;
    this.#take = take;
    this.#left = total;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const part = chunk.subarray(this.#skip, this.#skip + this.#take);
    this.#skip = Math.max(0, this.#skip - chunk.length);
    this.#take -= part.length;
    this.#left -= chunk.length;
    done(null, part.length > 0 ? part : undefined);
  }

  override _flush(done: TransformCallback): void {
    done(this.#left === 0 ? null : mismatch());
  }
}
