import { randomInt } from "node:crypto";
import { MIN_ENCODED_BYTES } from "./limits.ts";

/** Minimum number of random bits in a placeholder, so that it cannot be guessed. */
const MIN_BITS = 128;
/** Longest fixed text, and longest placeholder, in characters. Signed tokens have a few hundred. */
const MAX_FIXED = 64;
const MAX_LENGTH = 512;
/** Number of random characters if a form does not give one: 256 bits with the default kind. */
const DEFAULT_COUNT = 43;
/** Bytes of a value that the fixed text must not reveal. */
const MIN_UNTOLD_BYTES = 16;

const DIGITS = "0123456789";
const LOWER = "abcdefghijklmnopqrstuvwxyz";
const CHARACTERS: Record<string, string> = {
  alnum: DIGITS + LOWER + LOWER.toUpperCase(),
  lower: DIGITS + LOWER,
  upper: DIGITS + LOWER.toUpperCase(),
  hex: `${DIGITS}abcdef`,
  digits: DIGITS,
};
const KINDS = Object.keys(CHARACTERS).join(", ");

/** `…` or three dots, optionally with the number and kind of characters. */
const RANDOM = /(?:…|\.\.\.)(?:\{(\d{1,4})(?::([a-z0-9]+))?\})?/;
/** Characters that are never escaped in headers, URLs, JSON or forms. Not `~`, which `URLSearchParams` escapes (URL Standard, section 5.2). */
const FIXED = /^[A-Za-z0-9._-]*$/;

/** An invalid placeholder form. The message says why and what to write instead; it contains nothing of a value. */
export class PlaceholderError extends Error {
  override name = "PlaceholderError";
}

type Part = string | { count: number; characters: string };

/**
 * The form of a secret's placeholder, for programs that validate the format of their keys: text with `…` for the random part, such as
 * `sk-ant-…`, `ghp_…{36}` or `key-…{32:hex}`.
 */
export class PlaceholderForm {
  readonly #text: string;
  readonly #parts: readonly Part[];

  private constructor(text: string, parts: readonly Part[]) {
    this.#text = text;
    this.#parts = parts;
  }

  /** @throws {PlaceholderError} */
  static parse(text: string): PlaceholderForm {
    const parts = partsOf(text);
    const random = parts.filter((part) => typeof part !== "string");
    if (random.length === 0) {
      throw new PlaceholderError(
        `${JSON.stringify(text)} is the same for everybody, so anyone who knows it could use the secret. Write … for its random part, such as "${text}…"`,
      );
    }
    const fixed = parts.filter((part) => typeof part === "string").join("");
    if (!FIXED.test(fixed))
      throw new PlaceholderError(
        `${JSON.stringify(text)} can only contain letters, digits and . _ -, and … or …{count} or …{count:kind} for random parts (kinds: ${KINDS})`,
      );
    if (fixed.length > MAX_FIXED)
      throw new PlaceholderError(`its fixed text has ${fixed.length} characters, but the limit is ${MAX_FIXED}`);
    const length = fixed.length + random.reduce((sum, { count }) => sum + count, 0);
    if (length > MAX_LENGTH)
      throw new PlaceholderError(`it would have ${length} characters, but the limit is ${MAX_LENGTH}`);
    const bits = random.reduce((sum, { count, characters }) => sum + count * Math.log2(characters.length), 0);
    if (bits < MIN_BITS) {
      const enough = Math.ceil(MIN_BITS / Math.log2(random[0]!.characters.length));
      throw new PlaceholderError(
        `${JSON.stringify(text)} has ${Math.floor(bits)} random bits and could be guessed; it needs ${MIN_BITS}, which takes ${enough} characters of this kind`,
      );
    }
    return new PlaceholderForm(text, parts);
  }

  /** Creates a placeholder for a value for which it has made one before. */
  another(): string {
    return this.#parts.map((part) => (typeof part === "string" ? part : randomText(part))).join("");
  }

  /**
   * Creates a placeholder for a value.
   *
   * @throws {PlaceholderError} if the fixed text reveals too much of the value
   */
  make(value: string): string {
    this.#checkUntold(value);
    for (;;) {
      const placeholder = this.another();
      // It may contain a short value by chance. For even shorter ones this cannot be avoided.
      if (Buffer.byteLength(value) < MIN_ENCODED_BYTES || !placeholder.includes(value)) return placeholder;
    }
  }

  /** Whether a placeholder has this form. */
  matches(placeholder: string): boolean {
    const pattern = this.#parts
      .map((part) => (typeof part === "string" ? part.replaceAll(".", "\\.") : `[${part.characters}]{${part.count}}`))
      .join("");
    return new RegExp(`^${pattern}$`).test(placeholder);
  }

  toString(): string {
    return this.#text;
  }

  /** The sandbox sees the fixed text, so that must not contain the value, nor so much of it that the rest could be guessed. */
  #checkUntold(value: string): void {
    const fixed = this.#parts.filter((part) => typeof part === "string");
    if (fixed.some((part) => part.includes(value)))
      throw new PlaceholderError("its fixed text contains the secret's value");
    const told = commonStart(fixed.at(0)!, value) + commonStart(reversed(fixed.at(-1)!), reversed(value));
    const left = Math.max(0, Buffer.byteLength(value) - told);
    if (told > 0 && left < MIN_UNTOLD_BYTES) {
      throw new PlaceholderError(
        `its fixed text reveals all but ${left} bytes of the secret's value, but at least ${MIN_UNTOLD_BYTES} must stay secret; shorten it`,
      );
    }
  }
}

/** Splits a form into alternating fixed texts and random parts. The first and the last are fixed texts, possibly empty. */
function partsOf(text: string): Part[] {
  const found = RANDOM.exec(text);
  if (!found) return [text];
  const [whole, count = String(DEFAULT_COUNT), kind = "alnum"] = found;
  const characters = Object.hasOwn(CHARACTERS, kind) ? CHARACTERS[kind]! : null;
  if (characters === null)
    throw new PlaceholderError(`unknown kind of characters ${JSON.stringify(kind)}; use one of ${KINDS}`);
  if (Number(count) === 0) throw new PlaceholderError("a random part needs at least one character");
  return [
    text.slice(0, found.index),
    { count: Number(count), characters },
    ...partsOf(text.slice(found.index + whole.length)),
  ];
}

const randomText = ({ count, characters }: { count: number; characters: string }) =>
  Array.from({ length: count }, () => characters[randomInt(characters.length)]).join("");
const reversed = (text: string) => Array.from(text).reverse().join("");

function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
