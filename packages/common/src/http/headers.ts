/** Lists of headers that keep order, case and repetition. */

/** One character per byte (Latin-1), as in Node. */
export type Header = [name: string, value: string];

/** Headers that apply to one connection, not to the message (RFC 9110 §7.6.1), in addition to those that `Connection` lists. */
const HOP_BY_HOP = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "te",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "trailer",
  "proxy-authorization",
  "proxy-authenticate",
]);
/** Never removed, even if `Connection` lists them: that header must not change a message's target or length. */
const KEPT = new Set([
  "host",
  "content-length",
  "content-encoding",
  "content-type",
  "authorization",
  "cookie",
  "set-cookie",
  "cache-control",
]);

/** Converts Node's flat list to pairs. */
export function pairs(flat: readonly string[]): Header[] {
  const list: Header[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) list.push([flat[at]!, flat[at + 1]!]);
  return list;
}

/** All values of a header. */
export function values(headers: readonly Header[], name: string): string[] {
  return headers.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);
}

/** The value of a header; several are joined, none is undefined. */
export function value(headers: readonly Header[], name: string): string | undefined {
  const found = values(headers, name);
  return found.length > 0 ? found.join(", ") : undefined;
}

/** Whether a header's list contains a word, ignoring case. */
export function lists(headers: readonly Header[], name: string, word: string): boolean {
  return values(headers, name).some((text) =>
    text
      .toLowerCase()
      .split(",")
      .some((one) => one.trim() === word),
  );
}

export function without(headers: readonly Header[], ...names: string[]): Header[] {
  return headers.filter(([name]) => !names.includes(name.toLowerCase()));
}

/** The headers that are passed on from one connection to the next. */
export function endToEnd(headers: readonly Header[]): Header[] {
  const named = new Set(
    values(headers, "connection").flatMap((text) =>
      text
        .toLowerCase()
        .split(",")
        .map((one) => one.trim()),
    ),
  );
  return headers.filter(([name]) => {
    const lower = name.toLowerCase();
    return !HOP_BY_HOP.has(lower) && (!named.has(lower) || KEPT.has(lower));
  });
}

/** The trailers that are passed on: none that frame, route or describe the message (RFC 9110 §6.5.1). */
export function safeTrailers(trailers: readonly Header[]): Header[] {
  return endToEnd(trailers).filter(
    ([name]) => !name.startsWith(":") && !KEPT.has(name.toLowerCase()) && !NOT_IN_TRAILERS.has(name.toLowerCase()),
  );
}

/** Also removed from trailers, because some servers merge trailers into headers: range requests belong in the head only. */
const NOT_IN_TRAILERS = new Set(["content-range", "expect", "range", "if-range", "request-range", "x-ms-range"]);

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether a header is valid and can be written (RFC 9110 §5.1, §5.5). */
export function isValid([name, value]: Header): boolean {
  return NAME.test(name) && VALUE.test(value);
}
