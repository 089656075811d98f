/** Lists of headers, as they are on the wire: order, case and repetition kept. */

/** One character is one byte, as Node has them. */
export type Header = [name: string, value: string];

/** Headers that are about one connection, not the message (RFC 9110 §7.6.1), besides those that `Connection` names. */
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
/** Never taken away because `Connection` names them: who and how long a message is for is not up to that header. */
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

/** Pairs from Node's flat lists. */
export function pairs(flat: readonly string[]): Header[] {
  const list: Header[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) list.push([flat[at]!, flat[at + 1]!]);
  return list;
}

/** All values of a header. */
export function values(headers: readonly Header[], name: string): string[] {
  return headers.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);
}

/** The value of a header, joined where there are several; undefined where there is none. */
export function value(headers: readonly Header[], name: string): string | undefined {
  const found = values(headers, name);
  return found.length > 0 ? found.join(", ") : undefined;
}

/** Whether a header holds a word of a list, in any case. */
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

/** What goes from one connection to the next. */
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

/** Trailers that may be passed on: none that frames, routes or describes the message (RFC 9110 §6.5.1). */
export function safeTrailers(trailers: readonly Header[]): Header[] {
  return endToEnd(trailers).filter(
    ([name]) => !name.startsWith(":") && !KEPT.has(name.toLowerCase()) && !NOT_IN_TRAILERS.has(name.toLowerCase()),
  );
}

/** What no trailer may say, since some servers make headers of trailers: parts of answers are asked for in the head alone. */
const NOT_IN_TRAILERS = new Set(["content-range", "expect", "range", "if-range", "request-range", "x-ms-range"]);

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether a header can be written (RFC 9110 §5.1, §5.5). */
export function isValid([name, value]: Header): boolean {
  return NAME.test(name) && VALUE.test(value);
}
