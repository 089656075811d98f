import { randomBytes } from "node:crypto";

/** What every placeholder begins with. The platform's own have the same. */
export const PLACEHOLDER_PREFIX = "DENO_SECRET_PLACEHOLDER_";
/** Hexadecimal digits after the prefix: 256 bits that cannot be guessed. */
const DIGITS = 64;
/** Of every placeholder; it is ASCII, so characters and bytes are the same. */
export const PLACEHOLDER_LENGTH = PLACEHOLDER_PREFIX.length + DIGITS;

const PATTERN = new RegExp(`${PLACEHOLDER_PREFIX}[0-9a-f]{${DIGITS}}`, "g");

/** Makes a placeholder. It says nothing of its secret and means nothing outside of its sandbox. */
export function newPlaceholder(): string {
  return PLACEHOLDER_PREFIX + randomBytes(DIGITS / 2).toString("hex");
}

/** Placeholders in a text or in bytes, whoever they belong to, in order, each as often as it is there. */
export function findPlaceholders(data: string | Buffer): { placeholder: string; index: number }[] {
  if (!data.includes(PLACEHOLDER_PREFIX)) return [];
  const text = typeof data === "string" ? data : data.toString("latin1");
  return Array.from(text.matchAll(PATTERN), (match) => ({ placeholder: match[0], index: match.index }));
}

/** Replaces placeholders in a text; what is not a string stays as it is. */
export function replacePlaceholders(text: string, replacement: (placeholder: string) => string | undefined): string {
  if (!text.includes(PLACEHOLDER_PREFIX)) return text;
  return text.replace(PATTERN, (placeholder) => replacement(placeholder) ?? placeholder);
}
