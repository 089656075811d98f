import { randomBytes } from "node:crypto";

/** What every placeholder begins with that has no form of its own. The platform's own have the same. */
const PREFIX = "DENO_SECRET_PLACEHOLDER_";
/** Hexadecimal digits after the prefix: 256 bits that cannot be guessed. */
const DIGITS = 64;

/** Makes a placeholder. It says nothing of its secret and means nothing outside of its sandbox. */
export function newPlaceholder(): string {
  return PREFIX + randomBytes(DIGITS / 2).toString("hex");
}

/** Enough of a placeholder's beginning to see at once that none is there. */
const LEAD_LENGTH = 4;

/** The placeholders of one sandbox, whatever they look like, as they are found in texts. */
export class Placeholders {
  /** Of the shortest, characters; all are ASCII, so characters and bytes are the same. Infinite if there are none. */
  readonly shortest: number;
  readonly #leads: readonly string[];
  readonly #pattern: RegExp;

  constructor(placeholders: readonly string[]) {
    this.shortest = Math.min(...placeholders.map(({ length }) => length));
    this.#leads = [...new Set(placeholders.map((placeholder) => placeholder.slice(0, LEAD_LENGTH)))];
    // The longest first: the text of a form may be another's placeholder.
    this.#pattern = new RegExp(
      placeholders
        .toSorted((a, b) => b.length - a.length)
        .map((placeholder) => placeholder.replaceAll(".", "\\."))
        .join("|"),
      "g",
    );
  }

  /** Replaces placeholders in a text; one for which there is no replacement stays as it is. */
  replace(text: string, replacement: (placeholder: string) => string | undefined): string {
    if (text.length < this.shortest || !this.#leads.some((lead) => text.includes(lead))) return text;
    return text.replace(this.#pattern, (placeholder) => replacement(placeholder) ?? placeholder);
  }
}
