/**
 * What the redactor has to do, written down without regard to speed: every form at every place of the whole data, each of its
 * characters tried in every way in which it can be written.
 */
import { characterEntities } from "character-entities";
import { characterEntitiesLegacy } from "character-entities-legacy";
import type { Secret } from "../secret.ts";

interface Spelled {
  secret: Secret;
  /** For each byte of the form, the ways to write it and bytes after it: a text, and how many bytes of the form it is. */
  ways: { text: string; bytes: number; anyCase: boolean }[][];
  /** Whether bytes, as Latin-1, are what the form has at a place; null when it has no references. */
  means: ((bytes: string, place: number) => boolean) | null;
  /** Code points that are in it. */
  codes: Set<number>;
  replacement: string;
}

/**
 * The data with every value replaced, and the names of the secrets that were found.
 *
 * @param more Whether the data may go on. Then its end is left out from where it could become a value.
 */
export function redactNaively(
  data: Buffer,
  secrets: readonly Secret[],
  more = false,
): { data: Buffer; found: string[] } {
  const text = data.toString("latin1");
  const lower = lowered(text);
  const forms = secrets.flatMap(spelled);
  const found = new Set<string>();
  const readings = new Map<number, Reading>();
  const read = (at: number) => readings.get(at) ?? readings.set(at, readReference(text, at, more)).get(at)!;
  let out = "";
  for (let at = 0; at < text.length; ) {
    let best: { end: number; form: Spelled } | undefined;
    let open = false;
    for (const form of forms) {
      const { end, ...rest } = follow(form, text, lower, at, read);
      open ||= rest.open;
      if (end > (best?.end ?? at)) best = { end, form };
    }
    if (more && open) break;
    if (best) {
      found.add(best.form.secret.name);
      out += best.form.replacement;
      at = best.end;
    } else {
      out += text[at++];
    }
  }
  return { data: Buffer.from(out, "latin1"), found: [...found] };
}

/** Where the longest spelling of a form that begins at `start` ends, or -1, and whether one goes beyond the text. */
function follow(
  form: Spelled,
  text: string,
  lower: string,
  start: number,
  read: (at: number) => Reading,
  from = 0,
): { end: number; open: boolean } {
  const { ways, means } = form;
  // By byte of the form: where in the text it may begin.
  const reached: Set<number>[] = Array.from({ length: ways.length + 1 }, () => new Set());
  reached[from]!.add(start);
  let open = false;
  for (const [place, choices] of ways.entries()) {
    for (const at of reached[place]!) {
      for (const { text: way, bytes, anyCase } of choices) {
        const given = anyCase ? lower : text;
        if (given.startsWith(way, at)) reached[place + bytes]!.add(at + way.length);
        else open ||= at + way.length > text.length && way.startsWith(given.slice(at));
      }
      if (!means || text[at] !== "&") continue;
      const { length, bytes, undecided, futures } = read(at);
      if (bytes !== null && means(bytes, place)) {
        const [next, then] = [place + bytes.length, at + length];
        if (!undecided) reached[next]!.add(then);
        else {
          const rest = follow(form, text, lower, then, read, next);
          open ||= rest.open || rest.end >= 0;
        }
      }
      open ||=
        undecided &&
        [...futures, ...numbersThatBegin(text.slice(at), form.codes)].some((future) => means(future, place));
    }
  }
  return { end: Math.max(-1, ...reached[ways.length]!), open };
}

const NAMES_OF_REFERENCES = new Map(
  Object.entries(characterEntities).flatMap(
    ([name, meaning]) =>
      [[`${name};`, meaning], ...(characterEntitiesLegacy.includes(name) ? [[name, meaning]] : [])] as [
        string,
        string,
      ][],
  ),
);
const SIZES = [...new Set([...NAMES_OF_REFERENCES.keys()].map(({ length }) => length))].sort((a, b) => b - a);
const utf8 = (character: string) => Buffer.from(character).toString("latin1");

/** The character reference at a place, as browsers read it. */
interface Reading {
  length: number;
  /** What it means, as UTF-8 in Latin-1; null when there is none. */
  bytes: string | null;
  /** Whether it can become another when the text goes on. */
  undecided: boolean;
  /** What that could mean, if it is a name. */
  futures: string[];
}

function readReference(text: string, at: number, more: boolean): Reading {
  const rest = text.slice(at);
  const longer =
    more && rest.length <= 33
      ? [...NAMES_OF_REFERENCES].filter(([name]) => `&${name}`.startsWith(rest) && name.length >= rest.length)
      : [];
  const undecided =
    more && rest.length <= 33 && (/^&(#([xX]?|[xX][0-9a-fA-F]+|[0-9]+))?$/.test(rest) || longer.length > 0);
  const none: Reading = { length: 0, bytes: null, undecided, futures: longer.map(([, meaning]) => utf8(meaning)) };
  const [number, hex, decimal, end] = /^&#(?:[xX]([0-9a-fA-F]+)|([0-9]+))(;?)/.exec(rest) ?? [];
  if (number !== undefined) {
    const meaning =
      number.length - end!.length > 32 ? null : characterOf(hex === undefined ? Number(decimal) : parseInt(hex, 16));
    return meaning === null || undecided ? none : { ...none, length: number.length, bytes: utf8(meaning) };
  }
  for (const size of SIZES) {
    const name = rest.slice(1, 1 + size);
    const meaning = name.length === size ? NAMES_OF_REFERENCES.get(name) : undefined;
    // At the end of what there is, a semicolon may follow, which is part of it.
    if (meaning !== undefined && !(undecided && rest.length === size + 1))
      return { ...none, length: size + 1, bytes: utf8(meaning) };
  }
  return none;
}

function characterOf(code: number): string | null {
  if (code >= 0x80 && code <= 0x9f) return new TextDecoder("windows-1252").decode(Uint8Array.of(code));
  return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? null : String.fromCodePoint(code);
}

/** What references by number that begin like this can mean, of these code points. */
function numbersThatBegin(start: string, codes: Set<number>): string[] {
  if (start !== "&" && !start.startsWith("&#")) return [];
  return [...codes, ...Array.from({ length: 32 }, (_, code) => 0x80 + code)]
    .filter((code) => {
      for (const [prefix, digits] of [
        ["&#", code.toString(10)],
        ["&#x", code.toString(16)],
      ] as const) {
        const padded = prefix + "0".repeat(32) + digits;
        for (let zeros = 0; prefix.length + zeros + digits.length <= 32; zeros++) {
          if ((prefix + padded.slice(padded.length - digits.length - zeros)).startsWith(start.toLowerCase()))
            return true;
        }
      }
      return false;
    })
    .flatMap((code) => characterOf(code) ?? [])
    .map(utf8);
}

function spelled(secret: Secret): Spelled[] {
  const { value, placeholder } = secret;
  if (value.length === 0) return [];
  if (value.length < 4) {
    return [
      {
        secret,
        replacement: placeholder,
        means: null,
        codes: new Set(),
        ways: Array.from(value.toString("latin1"), (text) => [{ text, bytes: 1, anyCase: false }]),
      },
    ];
  }
  const spaced = (byte: string) => (value.includes(" ") && byte === " " ? [" ", "+"] : [byte]);
  const form = (bytes: Buffer, replacement: string, same: (byte: string) => string[]): Spelled => ({
    secret,
    replacement,
    ways: waysOf(bytes, same),
    means: meansOf(bytes, same),
    codes: codesOf(bytes, same),
  });
  const forms: Spelled[] = [form(value, placeholder, spaced)];
  if (/[^\x00-\x7f]/.test(value.toString("latin1"))) {
    for (const bytes of [
      Buffer.from(value.toString("latin1")),
      ...(/[^\x00-\xff]/.test(value.toString()) ? [] : [Buffer.from(value.toString(), "latin1")]),
    ]) {
      if (bytes.length >= 4) forms.push(form(bytes, placeholder, spaced));
    }
  }
  const hex = value.toString("hex");
  forms.push(form(Buffer.from(hex), Buffer.from(placeholder).toString("hex"), (digit) => [digit, digit.toUpperCase()]));
  for (const before of [0, 1, 2]) {
    const bits = (first: number) =>
      Array.from(Buffer.concat([Buffer.alloc(before, first), value, Buffer.alloc(4, first)]).toString("base64"));
    const zeros = bits(0);
    const ones = bits(255);
    // What is the same whatever stands around.
    const core = zeros
      .filter(
        (character, at) =>
          at >= Math.ceil((before * 8) / 6) &&
          at < Math.floor(((before + value.length) * 8) / 6) &&
          character === ones[at],
      )
      .join("");
    const urlSafe: Record<string, string[]> = { "+": ["+", "-"], "/": ["/", "_"] };
    forms.push(
      form(
        Buffer.from(core),
        "REDACTED".repeat(core.length).slice(0, core.length),
        (character) => urlSafe[character] ?? [character],
      ),
    );
  }
  return forms;
}

function codesOf(form: Buffer, same: (byte: string) => string[]): Set<number> {
  const places = [...form.keys()].map((place) => form.toString("utf8", place).codePointAt(0)!);
  return new Set([
    ...places,
    ...Array.from(form.toString("latin1"), (byte) => same(byte).map((one) => one.charCodeAt(0))).flat(),
  ]);
}

/** Whether all of these bytes, each in one of its ways, stand at a place. */
function meansOf(form: Buffer, same: (byte: string) => string[]): Spelled["means"] {
  const ways = Array.from(form.toString("latin1"), same);
  return (bytes, place) => Array.from(bytes).every((byte, at) => ways[place + at]?.includes(byte));
}

const SHORT: Record<string, string> = {
  '"': '\\"',
  "\\": "\\\\",
  "/": "\\/",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function waysOf(bytes: Buffer, same: (byte: string) => string[]): Spelled["ways"] {
  const ways: Spelled["ways"] = Array.from(bytes, () => []);
  for (const [place, byte] of bytes.entries()) {
    for (const text of same(String.fromCharCode(byte))) {
      const percent = `%${text.charCodeAt(0).toString(16).padStart(2, "0")}`;
      ways[place]!.push({ text, bytes: 1, anyCase: false }, { text: percent, bytes: 1, anyCase: true });
    }
  }
  for (const place of bytes.keys()) {
    const character = String.fromCodePoint(bytes.toString("utf8", place).codePointAt(0)!);
    const length = Buffer.byteLength(character);
    // Within a character, or none at all.
    if (!Buffer.from(character).equals(bytes.subarray(place, place + length))) continue;
    for (const text of length === 1 ? same(character) : [character]) {
      const units = Array.from(
        { length: text.length },
        (_, unit) => `\\u${text.charCodeAt(unit).toString(16).padStart(4, "0")}`,
      ).join("");
      // The `u` itself is not in any case.
      ways[place]!.push({ text: units, bytes: length, anyCase: true });
      if (SHORT[text]) ways[place]!.push({ text: SHORT[text], bytes: length, anyCase: false });
    }
  }
  return ways;
}

/** In lower case, but for the `U` of `\U`, which is no escape. */
function lowered(text: string): string {
  return text.replace(/\\U|[A-Z]/g, (found) => (found === "\\U" ? found : found.toLowerCase()));
}
