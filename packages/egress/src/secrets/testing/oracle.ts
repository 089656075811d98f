/**
 * What the redactor has to do, written down without regard to speed: every form at every place of the whole data, each of its
 * characters tried in every way in which it can be written.
 */
import type { Secret } from "../secret.ts";

interface Spelled {
  secret: Secret;
  /** For each byte of the form, the ways to write it and bytes after it: a text, and how many bytes of the form it is. */
  ways: { text: string; bytes: number; anyCase: boolean }[][];
  replacement: string;
}

/**
 * The data with every value replaced, and the names of the secrets that were found.
 *
 * @param more Whether the data may go on. Then its end is left out from where it could become a value.
 */
export function redactNaively(data: Buffer, secrets: readonly Secret[], more = false): { data: Buffer; found: string[] } {
  const text = data.toString("latin1");
  const lower = lowered(text);
  const forms = secrets.flatMap(spelled);
  const found = new Set<string>();
  let out = "";
  for (let at = 0; at < text.length;) {
    let best: { end: number; form: Spelled } | undefined;
    let open = false;
    for (const form of forms) {
      const { end, ...rest } = follow(form, text, lower, at);
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
function follow({ ways }: Spelled, text: string, lower: string, start: number): { end: number; open: boolean } {
  // By byte of the form: where in the text it may begin.
  const reached: Set<number>[] = Array.from({ length: ways.length + 1 }, () => new Set());
  reached[0]!.add(start);
  let open = false;
  for (const [place, choices] of ways.entries()) {
    for (const at of reached[place]!) {
      for (const { text: way, bytes, anyCase } of choices) {
        const given = anyCase ? lower : text;
        if (given.startsWith(way, at)) reached[place + bytes]!.add(at + way.length);
        else open ||= at + way.length > text.length && way.startsWith(given.slice(at));
      }
    }
  }
  return { end: Math.max(-1, ...reached[ways.length]!), open };
}

function spelled(secret: Secret): Spelled[] {
  const { value, placeholder } = secret;
  if (value.length === 0) return [];
  if (value.length < 4) {
    return [{ secret, replacement: placeholder, ways: Array.from(value.toString("latin1"), (text) => [{ text, bytes: 1, anyCase: false }]) }];
  }
  const forms: Spelled[] = [{ secret, replacement: placeholder, ways: waysOf(value, (byte) => (value.includes(" ") && byte === " " ? [" ", "+"] : [byte])) }];
  if (/[^\x00-\x7f]/.test(value.toString("latin1"))) {
    for (const bytes of [Buffer.from(value.toString("latin1")), ...(/[^\x00-\xff]/.test(value.toString()) ? [] : [Buffer.from(value.toString(), "latin1")])]) {
      if (bytes.length >= 4) forms.push({ secret, replacement: placeholder, ways: waysOf(bytes, (byte) => (value.includes(" ") && byte === " " ? [" ", "+"] : [byte])) });
    }
  }
  const hex = value.toString("hex");
  forms.push({ secret, replacement: Buffer.from(placeholder).toString("hex"), ways: waysOf(Buffer.from(hex), (digit) => [digit, digit.toUpperCase()]) });
  for (const before of [0, 1, 2]) {
    const bits = (first: number) => Array.from(Buffer.concat([Buffer.alloc(before, first), value, Buffer.alloc(4, first)]).toString("base64"));
    const zeros = bits(0);
    const ones = bits(255);
    // What is the same whatever stands around.
    const core = zeros.filter((character, at) => at >= Math.ceil(before * 8 / 6) && at < Math.floor((before + value.length) * 8 / 6) && character === ones[at]).join("");
    const urlSafe: Record<string, string[]> = { "+": ["+", "-"], "/": ["/", "_"] };
    forms.push({ secret, replacement: "REDACTED".repeat(core.length).slice(0, core.length), ways: waysOf(Buffer.from(core), (character) => urlSafe[character] ?? [character]) });
  }
  return forms;
}

const NAMES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };
const SHORT: Record<string, string> = { '"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

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
      const code = text.codePointAt(0)!;
      const units = Array.from({ length: text.length }, (_, unit) => `\\u${text.charCodeAt(unit).toString(16).padStart(4, "0")}`).join("");
      // The `u` itself is not in any case.
      ways[place]!.push({ text: units, bytes: length, anyCase: true });
      if (SHORT[text]) ways[place]!.push({ text: SHORT[text], bytes: length, anyCase: false });
      if (NAMES[text]) ways[place]!.push({ text: NAMES[text], bytes: length, anyCase: false });
      for (const [prefix, digits] of [["&#", code.toString(10)], ["&#x", code.toString(16)]] as const) {
        for (let zeros = 0; prefix.length + zeros + digits.length + 1 <= 10; zeros++) {
          ways[place]!.push({ text: `${prefix}${"0".repeat(zeros)}${digits};`, bytes: length, anyCase: true });
        }
      }
    }
  }
  return ways;
}

/** In lower case, but for the `U` of `\U`, which is no escape. */
function lowered(text: string): string {
  return text.replace(/\\U|[A-Z]/g, (found) => (found === "\\U" ? found : found.toLowerCase()));
}
