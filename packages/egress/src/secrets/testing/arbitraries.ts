/** Values, spellings and chunks for property-based tests. */
import { characterEntities } from "character-entities";
import { characterEntitiesLegacy } from "character-entities-legacy";
import { fc } from "../../testing/property.ts";
import { newPlaceholder } from "../placeholder.ts";
import type { Secret } from "../secret.ts";

/** A secret with this value. */
export function secretOf(value: string, more: Partial<Secret> = {}): Secret {
  return { name: "SECRET", placeholder: newPlaceholder(), value: Buffer.from(value), hosts: [], inBody: true, ...more };
}

/** Keys as services hand them out. */
export const keys = fc.string({
  unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."),
  minLength: 4,
  maxLength: 60,
});

/** Values with what has to be escaped somewhere, and that repeat themselves. */
export const awkward = fc.string({
  unit: fc.constantFrom(...'ab \\"/&<>%+u0041;#\nti¬∉fj€'),
  minLength: 4,
  maxLength: 14,
});

/** Any value. */
export const values = fc.oneof(
  keys,
  awkward,
  fc.string({ unit: "binary", minLength: 4, maxLength: 30 }),
  fc.string({ unit: fc.constantFrom(..."aé ÿ"), minLength: 2, maxLength: 8 }),
  fc.string({ minLength: 1, maxLength: 6 }),
);

/** What may stand around: anything, and bits that are easily taken for parts of escapes. */
export const surroundings = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: fc.constantFrom(..."ab%\\&#;u0041x=\n"), maxLength: 60 }).map((text) => Buffer.from(text)),
  // Names of characters that begin alike, and what is none of them.
  fc
    .string({
      unit: fc.constantFrom(
        "&",
        "&amp",
        "&not",
        "in",
        "it",
        ";",
        "&no",
        "t",
        "&fj",
        "lig;",
        "&lt",
        "&#128",
        "&euro;",
        "&notin;",
      ),
      maxLength: 12,
    })
    .map((text) => Buffer.from(text)),
);

/** Ways to write a character, each as a function of it. */
type Way = (character: string) => string;

const bytesOf = (character: string) => Array.from(Buffer.from(character));
const hex = (number: number, digits: number) => number.toString(16).padStart(digits, "0");
const units = (character: string) =>
  Array.from({ length: character.length }, (_, unit) => `\\u${hex(character.charCodeAt(unit), 4)}`).join("");
/** Names of characters, those without a semicolon too. */
const NAMES = Map.groupBy(
  Object.entries(characterEntities).flatMap(
    ([name, meaning]) =>
      [[`&${name};`, meaning], ...(characterEntitiesLegacy.includes(name) ? [[`&${name}`, meaning]] : [])] as [
        string,
        string,
      ][],
  ),
  ([, meaning]) => meaning,
);
const named = (character: string, which: number) => NAMES.get(character)?.at(which)?.[0] ?? character;

const PERCENT: Way[] = [
  (character) =>
    bytesOf(character)
      .map((byte) => `%${hex(byte, 2)}`)
      .join(""),
  (character) =>
    bytesOf(character)
      .map((byte) => `%${hex(byte, 2).toUpperCase()}`)
      .join(""),
  (character) => (character === " " ? "+" : character),
];
const JSON_ESCAPES: Way[] = [
  units,
  (character) => units(character).replace(/[a-f]/g, (digit) => digit.toUpperCase()),
  (character) => JSON.stringify(character).slice(1, -1),
  (character) => (character === "/" ? "\\/" : character),
];
const REFERENCES: Way[] = [
  (character) => `&#${character.codePointAt(0)};`,
  (character) => `&#x${hex(character.codePointAt(0)!, 1)};`,
  (character) => `&#${String(character.codePointAt(0)).padStart(30, "0")};`,
  (character) => `&#X${hex(character.codePointAt(0)!, 29).toUpperCase()};`,
  // Without a semicolon, where the next character allows it.
  (character) => `&#${character.codePointAt(0)}\0`,
  (character) => `&#x${hex(character.codePointAt(0)!, 6)}\0`,
  (character) => named(character, 0),
  (character) => named(character, -1),
  (character) => named(character, 1),
];

/** A number with a semicolon where what follows would be taken for more of it. */
const terminated = (text: Buffer) =>
  Buffer.from(
    text
      .toString()
      .replace(/\0(?=[\da-f;])/gi, ";")
      .replaceAll("\0", ""),
  );

/** A spelling of a value: each character as it is or in one of the ways of one format; in hexadecimal; inside of base64. */
export const spellings = fc
  .record({
    format: fc.constantFrom(
      "plain",
      "latin1",
      "mistaken",
      "percent",
      "json",
      "html",
      "hex",
      "base64",
      "escaped base64",
    ),
    choices: fc.infiniteStream(fc.nat({ max: 99 })),
    before: fc.uint8Array({ maxLength: 7 }),
    after: fc.uint8Array({ maxLength: 7 }),
  })
  .map(({ format, choices, before, after }) => (value: string): Buffer => {
    const choose = <Value>(list: Value[]) => list[choices.next().value! % list.length]!;
    const mixed = (text: string, ways: Way[]) =>
      Buffer.from(Array.from(text, (character) => choose([(same: string) => same, ...ways])(character)).join(""));
    const base64 = () => Buffer.concat([before, Buffer.from(value), after]).toString(choose(["base64", "base64url"]));
    switch (format) {
      case "latin1":
        return Buffer.from(value, "latin1");
      case "mistaken":
        return mixed(Buffer.from(value).toString("latin1"), choose([PERCENT, JSON_ESCAPES]));
      case "percent":
        return mixed(value, PERCENT);
      case "json":
        return mixed(value, JSON_ESCAPES);
      case "html":
        return terminated(mixed(value, REFERENCES));
      case "hex":
        return Buffer.from(
          choose([Buffer.from(value).toString("hex"), Buffer.from(value).toString("hex").toUpperCase()]),
        );
      case "base64":
        return Buffer.from(base64());
      case "escaped base64":
        return mixed(base64(), choose([PERCENT, JSON_ESCAPES]));
      default:
        return Buffer.from(value);
    }
  });

/** Places at which to cut, as parts of a thousand. */
export const cuts = fc.array(fc.nat({ max: 1000 }), { maxLength: 12 });

/** The data cut into chunks; `every` cuts it into single bytes. */
export function chunked(data: Buffer, places: number[], every = false): Buffer[] {
  if (every) return Array.from(data, (byte) => Buffer.of(byte));
  const ends = [...places.map((place) => Math.floor((place * data.length) / 1000)), data.length].sort((a, b) => a - b);
  return ends.map((end, index) => data.subarray(ends[index - 1] ?? 0, end));
}
