/** Longest title, in characters. */
const MAX_TITLE = 80;

/**
 * What a program in the sandbox calls its window, as one line of plain text: without control characters, and without those that are invisible
 * or change the direction of what follows.
 */
export function plainTitle(text) {
  const plain = text.replace(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
  const characters = [...plain];
  return characters.length > MAX_TITLE ? `${characters.slice(0, MAX_TITLE).join("")}…` : plain;
}

/** A link that may be opened, or null: programs in the sandbox choose where it leads to. */
export function webLink(text) {
  const url = URL.parse(text);
  return url && (url.protocol === "https:" || url.protocol === "http:") ? url.href : null;
}
