/**
 * HTML character references (HTML, section 13.2.5.72 ff.): all names of the standard, and decimal and hexadecimal numbers. The
 * semicolon may be missing wherever browsers accept that: after a number, and after the 106 oldest names.
 */
import { characterEntities } from "character-entities";
import { characterEntitiesLegacy } from "character-entities-legacy";

/**
 * Longest reference that is read, without its semicolon: as long as the longest name, `&CounterClockwiseContourIntegral`. A number of
 * this length has 29 digits or more, which no program writes.
 */
export const MAX_REFERENCE_BYTES = 32;
/** Longest meaning of a reference, in bytes of UTF-8: some names stand for two characters. */
export const MAX_MEANING_BYTES = 6;

/** A name, with the semicolon that is part of most names, and its meaning in UTF-8. */
interface Name {
  name: string;
  meaning: Uint8Array;
}

const LEGACY = new Set(characterEntitiesLegacy);
/** The names in most pages. They come first, so that they are found at once. */
const COMMON = ["amp", "lt", "gt", "quot", "nbsp"];
const NAMES: Name[] = [
  ...COMMON.map((name): [string, string] => [name, characterEntities[name]!]),
  ...Object.entries(characterEntities).filter(([name]) => !COMMON.includes(name)),
].flatMap(([name, text]) => {
  const meaning = Buffer.from(text);
  return [{ name: `${name};`, meaning }, ...(LEGACY.has(name) ? [{ name, meaning }] : [])];
});

/** Names by the first byte of their meaning. Only those with a semicolon, as each of the others is the beginning of one of them. */
const BY_MEANING = Map.groupBy(
  NAMES.filter(({ name }) => name.endsWith(";")),
  ({ meaning }) => meaning[0]!,
);

/** The names whose meaning begins with a byte, with their semicolons. */
export function namesOf(byte: number): string[] {
  return BY_MEANING.get(byte)?.map(({ name }) => name) ?? [];
}

/** Letters, digits and the semicolon, numbered from 1. */
const LETTERS = new Uint8Array(256);
for (const [index, letter] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789;"].entries())
  LETTERS[letter.charCodeAt(0)] = index + 1;
const LETTER_COUNT = 64;

/** All names as a trie. Nodes are numbers; 0 is none and 1 the root. */
class NameTree {
  readonly root = 1;
  /** Index of the name that ends at a node, plus one. */
  readonly #name: Uint16Array;
  /** Indexed by node: its first child, its next sibling, the letter that leads to it. */
  readonly #child: Uint16Array;
  readonly #sibling: Uint16Array;
  readonly #letter: Uint8Array;
  /** The children of the root by letter, which is where most searches end. */
  readonly #first = new Uint16Array(LETTER_COUNT);
  #size = 2;

  constructor(names: readonly Name[]) {
    const nodes = names.reduce((sum, { name }) => sum + name.length, 2);
    this.#name = new Uint16Array(nodes);
    this.#child = new Uint16Array(nodes);
    this.#sibling = new Uint16Array(nodes);
    this.#letter = new Uint8Array(nodes);
    for (const [index, { name }] of names.entries()) {
      let node = this.root;
      for (const letter of Buffer.from(name)) node = this.step(node, letter) || this.#add(node, LETTERS[letter]!);
      this.#name[node] = index + 1;
    }
  }

  /** The node that a letter leads to, or 0. */
  step(node: number, byte: number): number {
    const letter = LETTERS[byte]!;
    if (letter === 0) return 0;
    if (node === this.root) return this.#first[letter]!;
    let child = this.#child[node]!;
    while (child !== 0 && this.#letter[child] !== letter) child = this.#sibling[child]!;
    return child;
  }

  /** The number of the name that ends at a node, or 0. */
  name(node: number): number {
    return this.#name[node]!;
  }

  /** A name's meaning, by its number. */
  meaning(name: number): Uint8Array {
    return NAMES[name - 1]!.meaning;
  }

  #add(parent: number, letter: number): number {
    const node = this.#size++;
    this.#letter[node] = letter;
    if (parent === this.root) this.#first[letter] = node;
    let last = this.#child[parent]!;
    while (this.#sibling[last] !== 0) last = this.#sibling[last]!;
    if (last === 0) this.#child[parent] = node;
    else this.#sibling[last] = node;
    return node;
  }
}

export const NAME_TREE = new NameTree(NAMES);

/** The meaning of the numbers 128 to 159 in browsers: the characters of Windows-1252, if there are any. */
const WINDOWS_1252 = [
  0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8d, 0x017d,
  0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,
  0x017e, 0x0178,
];

/** The character that a number means, or -1 for none. */
export function numberMeaning(number: number): number {
  if (number >= 0x80 && number <= 0x9f) return WINDOWS_1252[number - 0x80]!;
  return number > 0x10ffff || (number >= 0xd800 && number <= 0xdfff) ? -1 : number;
}

/** The numbers that mean a character. */
function numbersOf(character: number): number[] {
  const other = WINDOWS_1252.indexOf(character) + 0x80;
  return [character, other].filter((number) => numberMeaning(number) === character);
}

/**
 * Whether an incomplete reference at the end of the data could still become one that matches a given position.
 *
 * @param first the equivalent bytes that match there
 * @param characters the characters that match there
 * @param fits whether these bytes of UTF-8 match there
 */
export function referenceCanBecome(
  text: string,
  first: readonly number[],
  characters: readonly number[],
  fits: (meaning: Uint8Array) => boolean,
): boolean {
  if (text === "&" || !text.startsWith("&#")) {
    const start = text.slice(1);
    if (
      first.some((byte) => BY_MEANING.get(byte)?.some(({ name, meaning }) => name.startsWith(start) && fits(meaning)))
    )
      return true;
    if (text !== "&") return false;
  }
  const lower = text.toLowerCase();
  return characters
    .flatMap(numbersOf)
    .some((number) => canBecomeNumber(lower, "&#", number, 10) || canBecomeNumber(lower, "&#x", number, 16));
}

function canBecomeNumber(text: string, start: string, number: number, radix: 10 | 16): boolean {
  if (text.length <= start.length) return start.startsWith(text);
  if (!text.startsWith(start)) return false;
  const given = text.slice(start.length);
  const significant = given.replace(/^0+/, "");
  const zeros = given.length - significant.length;
  const digits = number === 0 ? "" : number.toString(radix);
  return start.length + zeros + digits.length <= MAX_REFERENCE_BYTES && digits.startsWith(significant);
}
