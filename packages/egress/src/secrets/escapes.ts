/**
 * Escapes: how formats write a character with others. Read are percent-encoding (RFC 3986), JSON's escapes (RFC 8259,
 * section 7) and HTML's character references: the five of XML by name, all by number.
 */

const PERCENT = 0x25;
const BACKSLASH = 0x5c;
const AMPERSAND = 0x26;

/** Longest character reference that is read: `&#x10FFFF;`, and shorter ones with leading zeros up to that length. */
const MAX_REFERENCE_BYTES = 10;
/** Longest escape: a pair of surrogates in JSON. */
export const MAX_ESCAPE_BYTES = 12;

/** By byte: 1 for those with which an escape begins. */
export const ESCAPE_START = new Uint8Array(256);
for (const byte of [PERCENT, BACKSLASH, AMPERSAND]) ESCAPE_START[byte] = 1;

/** How much longer an escape can be than what it means. */
export const MAX_ESCAPE_EXTRA = MAX_REFERENCE_BYTES - 1;
/** The same by the byte with which it begins. */
export const ESCAPE_EXTRA = new Uint8Array(256);
ESCAPE_EXTRA[PERCENT] = 2;
ESCAPE_EXTRA[BACKSLASH] = 5;
ESCAPE_EXTRA[AMPERSAND] = MAX_ESCAPE_EXTRA;

/** By byte: the value of a hexadecimal digit, or -1. */
const HEX = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** By byte: what a backslash and it mean, or 0. */
const SHORT = new Uint8Array(256);
for (const [letter, meaning] of Object.entries({ '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" })) {
  SHORT[letter.charCodeAt(0)] = meaning.charCodeAt(0);
}

const SEMICOLON = 0x3b;
/** By byte: 1 for those that may stand between `&` and `;`. */
const REFERENCE_PART = new Uint8Array(256);
for (const character of "#0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") REFERENCE_PART[character.charCodeAt(0)] = 1;

const NAMED = Object.entries({ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }).map(([name, meaning]) => ({
  name: Buffer.from(name),
  character: meaning.charCodeAt(0),
}));

/** {@link EscapeReader.read} for data that ends within what may be an escape. */
export const INCOMPLETE = -1;

/** Reads one escape at a time, without making anything on the way. */
export class EscapeReader {
  /** UTF-8 of what the last escape means: its first `count` bytes. */
  readonly bytes = new Uint8Array(4);
  count = 0;

  /** The length of the escape that begins at `at`, 0 when none does, or {@link INCOMPLETE}. Sets {@link bytes} and {@link count}. */
  read(data: Uint8Array, at: number): number {
    const first = data[at];
    if (first === PERCENT) return this.#percent(data, at);
    if (first === BACKSLASH) return this.#backslash(data, at);
    if (first === AMPERSAND) return this.#reference(data, at);
    return 0;
  }

  #percent(data: Uint8Array, at: number): number {
    if (at + 1 >= data.length) return INCOMPLETE;
    const high = HEX[data[at + 1]!]!;
    if (high < 0) return 0;
    if (at + 2 >= data.length) return INCOMPLETE;
    const low = HEX[data[at + 2]!]!;
    if (low < 0) return 0;
    this.bytes[0] = high << 4 | low;
    this.count = 1;
    return 3;
  }

  #backslash(data: Uint8Array, at: number): number {
    if (at + 1 >= data.length) return INCOMPLETE;
    const letter = data[at + 1]!;
    if (letter !== 0x75) {
      const meaning = SHORT[letter]!;
      if (meaning === 0) return 0;
      this.bytes[0] = meaning;
      this.count = 1;
      return 2;
    }
    const unit = hex4(data, at + 2);
    if (unit < 0) return unit === INCOMPLETE ? INCOMPLETE : 0;
    if (unit < 0xd800 || unit > 0xdfff) return this.#mean(unit, 6);
    // A pair of surrogates; one alone is no character.
    if (unit > 0xdbff) return 0;
    if (at + 6 >= data.length) return INCOMPLETE;
    if (data[at + 6] !== BACKSLASH) return 0;
    if (at + 7 >= data.length) return INCOMPLETE;
    if (data[at + 7] !== 0x75) return 0;
    const low = hex4(data, at + 8);
    if (low === INCOMPLETE) return INCOMPLETE;
    return low >= 0xdc00 && low <= 0xdfff ? this.#mean(0x10000 + (unit - 0xd800 << 10) + (low - 0xdc00), 12) : 0;
  }

  #reference(data: Uint8Array, at: number): number {
    const limit = Math.min(data.length, at + MAX_REFERENCE_BYTES);
    let end = at + 1;
    while (end < limit && REFERENCE_PART[data[end]!] === 1) end++;
    if (end === limit) return limit < at + MAX_REFERENCE_BYTES ? INCOMPLETE : 0;
    if (data[end] !== SEMICOLON) return 0;
    const character = data[at + 1] === 0x23 ? numbered(data, at + 2, end) : named(data, at + 1, end);
    return character < 0 ? 0 : this.#mean(character, end + 1 - at);
  }

  #mean(character: number, length: number): number {
    const { bytes } = this;
    if (character < 0x80) {
      bytes[0] = character;
      this.count = 1;
    } else if (character < 0x800) {
      bytes[0] = 0xc0 | character >> 6;
      bytes[1] = 0x80 | character & 0x3f;
      this.count = 2;
    } else if (character < 0x10000) {
      bytes[0] = 0xe0 | character >> 12;
      bytes[1] = 0x80 | character >> 6 & 0x3f;
      bytes[2] = 0x80 | character & 0x3f;
      this.count = 3;
    } else {
      bytes[0] = 0xf0 | character >> 18;
      bytes[1] = 0x80 | character >> 12 & 0x3f;
      bytes[2] = 0x80 | character >> 6 & 0x3f;
      bytes[3] = 0x80 | character & 0x3f;
      this.count = 4;
    }
    return length;
  }
}

/** Four hexadecimal digits; {@link INCOMPLETE} when the data ends before, -2 when they are none. */
function hex4(data: Uint8Array, at: number): number {
  let unit = 0;
  for (let digit = at; digit < at + 4; digit++) {
    if (digit >= data.length) return INCOMPLETE;
    const value = HEX[data[digit]!]!;
    if (value < 0) return -2;
    unit = unit << 4 | value;
  }
  return unit;
}

/** The character of a reference by name, or -1. */
function named(data: Uint8Array, start: number, end: number): number {
  for (const { name, character } of NAMED) {
    if (name.length !== end - start) continue;
    let at = 0;
    while (at < name.length && data[start + at] === name[at]) at++;
    if (at === name.length) return character;
  }
  return -1;
}

/** The character of a reference by number, after its `#`, or -1. */
function numbered(data: Uint8Array, start: number, end: number): number {
  const hex = (data[start]! | 0x20) === 0x78;
  let character = 0;
  for (let at = hex ? start + 1 : start; at < end; at++) {
    const digit = HEX[data[at]!]!;
    if (digit < 0 || (!hex && digit > 9)) return -1;
    character = character * (hex ? 16 : 10) + digit;
  }
  const none = end === (hex ? start + 1 : start) || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff);
  return none ? -1 : character;
}

/**
 * Whether `text`, the incomplete escape with which data ends, can still become one that means a certain byte or character.
 *
 * @param byte The next byte of UTF-8 that it has to mean.
 * @param character The character that begins with that byte, or -1 when none does.
 */
export function canBecome(text: string, byte: number, character: number): boolean {
  const lower = text.toLowerCase();
  if (lower.startsWith("%")) return `%${byte.toString(16).padStart(2, "0")}`.startsWith(lower);
  if (character < 0) return false;
  if (lower.startsWith("\\")) return unicodeEscape(character).startsWith(lower);
  if (NAMED.some((named) => named.character === character && `&${named.name};`.startsWith(text))) return true;
  return canBecomeNumber(lower, "&#", character.toString(10)) || canBecomeNumber(lower, "&#x", character.toString(16));
}

function canBecomeNumber(text: string, start: string, digits: string): boolean {
  if (text.length <= start.length) return start.startsWith(text);
  if (!text.startsWith(start)) return false;
  const given = text.slice(start.length);
  const significant = given.replace(/^0+/, "");
  const zeros = given.length - significant.length;
  return start.length + zeros + digits.length < MAX_REFERENCE_BYTES && digits.startsWith(significant);
}

function unicodeEscape(character: number): string {
  const text = String.fromCodePoint(character);
  return Array.from({ length: text.length }, (_, unit) => `\\u${text.charCodeAt(unit).toString(16).padStart(4, "0")}`).join("");
}
