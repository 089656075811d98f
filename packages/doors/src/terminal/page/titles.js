/** Longest title, in characters, and what of a longer one is looked at. */
const MAX_TITLE = 80;
const MAX_READ = 1_000;

/**
 * What a program in the sandbox calls its window, as one line of plain text: without control characters, and without those that are invisible
 * or change the direction of what follows.
 */
export function plainTitle(text) {
  const plain = text
    .slice(0, MAX_READ)
    .replace(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();
  const characters = [...plain];
  return characters.length > MAX_TITLE ? `${characters.slice(0, MAX_TITLE).join("")}…` : plain;
}

/** A link that may be opened, or null: programs in the sandbox choose where it leads to. */
export function webLink(text) {
  const url = URL.parse(text);
  return url && (url.protocol === "https:" || url.protocol === "http:") ? url.href : null;
}

/**
 * What is pasted of a text: line breaks and tabs, but no other control characters. Programs that mark what is pasted, as shells do, would
 * take an escape sequence in it for the end of the mark, and run what follows.
 */
export function pastable(text) {
  return text.replace(/[^\P{Cc}\t\n\r]/gu, "");
}
