import { randomBytes } from "node:crypto";

/** Prefix of every placeholder without a custom form, the same as on the official platform. */
const PREFIX = "DENO_SECRET_PLACEHOLDER_";
/** Number of hexadecimal digits after the prefix: 256 random bits. */
const DIGITS = 64;

/** Creates a placeholder. It reveals nothing about its secret and means nothing outside its sandbox. */
export function newPlaceholder(): string {
  return PREFIX + randomBytes(DIGITS / 2).toString("hex");
}

/** Length of the prefix by which the absence of placeholders is detected quickly. */
const LEAD_LENGTH = 4;

/** Finds the placeholders of one sandbox, of any form, in texts. */
export class Placeholders {
  /** Length of the shortest placeholder in characters, which are bytes, since all are ASCII. Infinite if there are none. */
  readonly shortest: number;
  readonly #leads: readonly string[];
  readonly #pattern: RegExp;

  constructor(placeholders: readonly string[]) {
    this.shortest = Math.min(...placeholders.map(({ length }) => length));
    this.#leads = [...new Set(placeholders.map((placeholder) => placeholder.slice(0, LEAD_LENGTH)))];
    // Longest first: one placeholder may be part of another.
    this.#pattern = new RegExp(
      placeholders
        .toSorted((a, b) => b.length - a.length)
        .map((placeholder) => placeholder.replaceAll(".", "\\."))
        .join("|"),
      "g",
    );
  }

  /** Replaces placeholders in a text. Those without a replacement stay as they are. */
  replace(text: string, replacement: (placeholder: string) => string | undefined): string {
    if (text.length < this.shortest || !this.#leads.some((lead) => text.includes(lead))) return text;
    return text.replace(this.#pattern, (placeholder) => replacement(placeholder) ?? placeholder);
  }
}
