/**
 * Escapes, with which formats write a character as a sequence of others: percent-encoding (RFC 3986), JSON escapes (RFC 8259,
 * section 7) and HTML character references (`references.ts`).
 */
import { MAX_MEANING_BYTES, MAX_REFERENCE_BYTES, NAME_TREE, numberMeaning, referenceCanBecome } from "./references.ts";

const PERCENT = 0x25;
const BACKSLASH = 0x5c;
export const AMPERSAND = 0x26;

/** Longest escape: a reference with its semicolon. */
export const MAX_ESCAPE_BYTES = MAX_REFERENCE_BYTES + 1;

/** Indexed by byte: 1 if an escape begins with it. */
export const ESCAPE_START = new Uint8Array(256);
for (const byte of [PERCENT, BACKSLASH, AMPERSAND]) ESCAPE_START[byte] = 1;

/** Largest difference between a reference's length and that of its meaning. */
export const MAX_REFERENCE_EXTRA = MAX_ESCAPE_BYTES - 1;
/** The same for other escapes: `\\u0061`. */
export const MAX_OTHER_EXTRA = 5;
/** Longest other escape: a surrogate pair in JSON. */
export const MAX_OTHER_BYTES = 12;
/** Indexed by an escape's first byte: the largest difference between its length and that of its meaning. Without references, which vary. */
export const OTHER_EXTRA = new Uint8Array(256);
OTHER_EXTRA[PERCENT] = 2;
OTHER_EXTRA[BACKSLASH] = MAX_OTHER_EXTRA;

/** Indexed by byte: the value of a hexadecimal digit, or -1. */
const HEX = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

/** Indexed by byte: its meaning after a backslash, or 0. */
const SHORT = new Uint8Array(256);
for (const [letter, meaning] of Object.entries({
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
})) {
  SHORT[letter.charCodeAt(0)] = meaning.charCodeAt(0);
}

const NUMBER_SIGN = 0x23;
const SEMICOLON = 0x3b;
/** Returned by {@link EscapeReader.read} if the data ends within a possible escape. */
export const INCOMPLETE = -1;

/** Reads one escape at a time, without allocating. */
export class EscapeReader {
  /** The last escape's meaning in UTF-8: the first `count` bytes. */
  readonly bytes = new Uint8Array(MAX_MEANING_BYTES);
  count = 0;
  readonly #final: boolean;

  /** @param final whether nothing follows the data */
  constructor(final = false) {
    this.#final = final;
  }

  /** The length of the escape at `at`, 0 if there is none, or {@link INCOMPLETE}. Sets {@link bytes} and {@link count}. */
  read(data: Uint8Array, at: number): number {
    const first = data[at];
    if (first === PERCENT) return this.#percent(data, at);
    if (first === BACKSLASH) return this.#backslash(data, at);
    if (first === AMPERSAND) return this.#reference(data, at);
    return 0;
  }

  /** Largest difference between the length of a possible reference at `at` and that of its meaning. */
  referenceExtra(data: Uint8Array, at: number): number {
    const length = this.#reference(data, at);
    return length === INCOMPLETE ? MAX_REFERENCE_EXTRA : Math.max(0, length - this.count);
  }

  #percent(data: Uint8Array, at: number): number {
    if (at + 1 >= data.length) return INCOMPLETE;
    const high = HEX[data[at + 1]!]!;
    if (high < 0) return 0;
    if (at + 2 >= data.length) return INCOMPLETE;
    const low = HEX[data[at + 2]!]!;
    if (low < 0) return 0;
    this.bytes[0] = (high << 4) | low;
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
    // A surrogate pair. A single surrogate is not a character.
    if (unit > 0xdbff) return 0;
    if (at + 6 >= data.length) return INCOMPLETE;
    if (data[at + 6] !== BACKSLASH) return 0;
    if (at + 7 >= data.length) return INCOMPLETE;
    if (data[at + 7] !== 0x75) return 0;
    const low = hex4(data, at + 8);
    if (low === INCOMPLETE) return INCOMPLETE;
    return low >= 0xdc00 && low <= 0xdfff ? this.#mean(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), 12) : 0;
  }

  /**
   * The length of a named reference without a semicolon at `at`, assuming that the name does not continue after the data. 0 if there is
   * none. Sets {@link bytes} and {@link count}.
   */
  readShort(data: Uint8Array, at: number): number {
    if (data[at] !== AMPERSAND) return 0;
    let name = 0;
    let length = 0;
    for (
      let node = NAME_TREE.step(NAME_TREE.root, data[at + 1] ?? 0), end = at + 2;
      node !== 0;
      node = NAME_TREE.step(node, data[end++] ?? 0)
    ) {
      // At the end of the data, and before a semicolon, it is not complete.
      if (NAME_TREE.name(node) === 0 || end >= data.length || data[end] === SEMICOLON) continue;
      name = NAME_TREE.name(node);
      length = end - at;
    }
    return this.#named(name, length);
  }

  /** The longest matching name, as in browsers. */
  #reference(data: Uint8Array, at: number): number {
    if (data[at + 1] === NUMBER_SIGN) return this.#number(data, at);
    let node = NAME_TREE.root;
    let name = 0;
    let length = 0;
    for (let end = at + 1; ; end++) {
      if (end >= data.length) return this.#final ? this.#named(name, length) : INCOMPLETE;
      node = NAME_TREE.step(node, data[end]!);
      if (node === 0) return this.#named(name, length);
      if (NAME_TREE.name(node) === 0) continue;
      name = NAME_TREE.name(node);
      length = end + 1 - at;
    }
  }

  #number(data: Uint8Array, at: number): number {
    const hex = (data[at + 2]! | 0x20) === 0x78;
    const start = hex ? at + 3 : at + 2;
    const limit = at + MAX_REFERENCE_BYTES;
    let number = 0;
    let end = start;
    for (; end < data.length; end++) {
      const digit = HEX[data[end]!]!;
      if (digit < 0 || (!hex && digit > 9)) break;
      if (end === limit) return 0;
      number = number * (hex ? 16 : 10) + digit;
    }
    if (end >= data.length && !this.#final) return INCOMPLETE;
    const character = end <= start ? -1 : numberMeaning(number);
    return character < 0 ? 0 : this.#mean(character, end - at + (data[end] === SEMICOLON ? 1 : 0));
  }

  #named(name: number, length: number): number {
    if (name === 0) return 0;
    const meaning = NAME_TREE.meaning(name);
    this.count = meaning.length;
    for (let index = 0; index < meaning.length; index++) this.bytes[index] = meaning[index]!;
    return length;
  }

  #mean(character: number, length: number): number {
    const { bytes } = this;
    if (character < 0x80) {
      bytes[0] = character;
      this.count = 1;
    } else if (character < 0x800) {
      bytes[0] = 0xc0 | (character >> 6);
      bytes[1] = 0x80 | (character & 0x3f);
      this.count = 2;
    } else if (character < 0x10000) {
      bytes[0] = 0xe0 | (character >> 12);
      bytes[1] = 0x80 | ((character >> 6) & 0x3f);
      bytes[2] = 0x80 | (character & 0x3f);
      this.count = 3;
    } else {
      bytes[0] = 0xf0 | (character >> 18);
      bytes[1] = 0x80 | ((character >> 12) & 0x3f);
      bytes[2] = 0x80 | ((character >> 6) & 0x3f);
      bytes[3] = 0x80 | (character & 0x3f);
      this.count = 4;
    }
    return length;
  }
}

/** Reads four hexadecimal digits. {@link INCOMPLETE} if the data ends before, -2 if they are invalid. */
function hex4(data: Uint8Array, at: number): number {
  let unit = 0;
  for (let digit = at; digit < at + 4; digit++) {
    if (digit >= data.length) return INCOMPLETE;
    const value = HEX[data[digit]!]!;
    if (value < 0) return -2;
    unit = (unit << 4) | value;
  }
  return unit;
}

/**
 * Whether `text`, an incomplete escape at the end of the data, could still become one that matches a form at a given position.
 *
 * @param character the form's character at that position, or -1 if there is none
 */
export function canBecome(
  text: string,
  { bytes, fold }: { bytes: Uint8Array; fold: Uint8Array },
  place: number,
  character: number,
): boolean {
  const wanted = bytes[place]!;
  const lower = text.toLowerCase();
  const same: number[] = [];
  for (let byte = 0; byte < 256; byte++) if (fold[byte] === wanted) same.push(byte);
  if (lower.startsWith("%")) return same.some((byte) => `%${byte.toString(16).padStart(2, "0")}`.startsWith(lower));
  const characters = wanted < 0x80 ? same : character < 0 ? [] : [character];
  if (lower.startsWith("\\")) return characters.some((one) => unicodeEscape(one).startsWith(lower));
  const fits = (meaning: Uint8Array) => meaning.every((byte, index) => fold[byte] === bytes[place + index]);
  return referenceCanBecome(text, same, characters, fits);
}

function unicodeEscape(character: number): string {
  const text = String.fromCodePoint(character);
  return Array.from(
    { length: text.length },
    (_, unit) => `\\u${text.charCodeAt(unit).toString(16).padStart(4, "0")}`,
  ).join("");
}
