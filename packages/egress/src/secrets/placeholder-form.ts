import { randomInt } from "node:crypto";
import { MIN_ENCODED_BYTES } from "./limits.ts";

/** Random bits that every placeholder has at least: who does not know it does not guess it. */
const MIN_BITS = 128;
/** Of what is fixed, and of a whole placeholder, characters. Tokens signed by services have a few hundred. */
const MAX_FIXED = 64;
const MAX_LENGTH = 512;
/** Random characters where a form does not say how many: 256 bits of the usual ones. */
const DEFAULT_COUNT = 43;
/** Bytes of a value that what is fixed may not tell. */
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

/** `…` or three dots, with how many characters of what kind. */
const RANDOM = /(?:…|\.\.\.)(?:\{(\d{1,4})(?::([a-z0-9]+))?\})?/;
/** Never escaped in headers, URLs, JSON or forms, so a placeholder is found as it is. `~` is, in forms and by `URLSearchParams` (URL Standard, section 5.2). */
const FIXED = /^[A-Za-z0-9._-]*$/;

/** An invalid placeholder form. The message says why and what to write instead; it contains nothing of a value. */
export class PlaceholderError extends Error {
  override name = "PlaceholderError";
}

type Part = string | { count: number; characters: string };

/**
 * What a secret's placeholder looks like, for programs that check the look of their keys: text with `…` for what is random, such as
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

  /**
   * A placeholder for a value.
   *
   * @throws {PlaceholderError} when what is fixed tells too much of the value.
   */
  make(value: string): string {
    this.#checkUntold(value);
    for (;;) {
      const placeholder = this.#parts.map((part) => (typeof part === "string" ? part : randomText(part))).join("");
      // By chance it may hold a short value. Of still shorter ones, it cannot be helped.
      if (Buffer.byteLength(value) < MIN_ENCODED_BYTES || !placeholder.includes(value)) return placeholder;
    }
  }

  /** Whether a placeholder is of this form. */
  matches(placeholder: string): boolean {
    const pattern = this.#parts
      .map((part) => (typeof part === "string" ? part.replaceAll(".", "\\.") : `[${part.characters}]{${part.count}}`))
      .join("");
    return new RegExp(`^${pattern}$`).test(placeholder);
  }

  toString(): string {
    return this.#text;
  }

  /** What is fixed is seen in the sandbox: it must not be the value, nor so much of it that the rest could be guessed. */
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

/** Fixed texts and random parts, in turn; the first and the last are fixed, and may be empty. */
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
