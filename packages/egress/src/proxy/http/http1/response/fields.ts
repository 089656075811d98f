/** Parses response headers as leniently as clients do (curl, Python, Go, browsers). The result can be written strictly. */
import type { Header } from "@sandkeep/common/http";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** RFC 9110 §5.5 requires replacing CR and NUL; other control characters cannot be written either. */
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/g;

/**
 * Parses lines without line ends. Whitespace before the colon is removed (RFC 9112 §5.1), a folded line continues the previous one
 * (§5.2), and invalid lines, such as a name that contains whitespace, are skipped.
 */
export function readFields(lines: readonly string[]): Header[] {
  const fields: Header[] = [];
  let last: Header | null = null;
  for (const line of lines) {
    if (isBlank(line.charCodeAt(0))) {
      const more = trim(line.replace(CONTROL, " "));
      if (last && more !== "") last[1] = last[1] === "" ? more : `${last[1]} ${more}`;
      continue;
    }
    const colon = line.indexOf(":");
    const name = trim(line.slice(0, Math.max(colon, 0)));
    last = TOKEN.test(name) ? [name, trim(line.slice(colon + 1).replace(CONTROL, " "))] : null;
    if (last) fields.push(last);
  }
  return fields;
}

/** Makes a reason phrase valid. */
export function readPhrase(text: string): string {
  return trim(text.replace(CONTROL, " "));
}

/** Trims spaces and tabs, and no other whitespace, in linear time. */
export function trim(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
