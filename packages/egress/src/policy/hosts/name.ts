import { domainToASCII } from "node:url";

/** RFC 1035 §2.3.4, as text without the trailing dot. */
export const MAX_NAME_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;
/** Longest input, in characters. In the conversion to ASCII each may become several or none, but no real name is longer. */
const MAX_TEXT_LENGTH = 1024;

const ASCII_NAME = /^[a-z0-9_.-]+$/;
/** ASCII characters that no name contains. Some of them (`%`, `@`, `/`, tabs) would make a URL parser read something else. */
const FOREIGN = /[\x00-\x7f]/;

/**
 * The canonical form of a host name: lower-case A-labels without a trailing dot. Underscores are allowed, since DNS and clients accept
 * them. Null if the text is not a host name, or could be read as something else, especially as an address in any notation.
 *
 * @example
 * ```ts
 * canonicalName("API.Example.COM."); // "api.example.com"
 * canonicalName("bücher.example"); // "xn--bcher-kva.example"
 * canonicalName("0x7f.1"); // null
 * ```
 */
export function canonicalName(text: string): string | null {
  if (text.length === 0 || text.length > MAX_TEXT_LENGTH) return null;
  // ASCII only; `domainToASCII` knows the rules for other letters.
  let name = text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
  if (FOREIGN.test(name.replace(/[a-z0-9_.-]+/g, ""))) return null;
  if (!ASCII_NAME.test(name) || name.includes("xn--")) name = domainToASCII(name);
  if (name.endsWith(".")) name = name.slice(0, -1);
  return isCanonical(name) ? name : null;
}

function isCanonical(name: string): boolean {
  if (name.length > MAX_NAME_LENGTH || !ASCII_NAME.test(name)) return false;
  const labels = name.split(".");
  return labels.every((label) => label.length > 0 && label.length <= MAX_LABEL_LENGTH) && !isNumber(labels.at(-1)!);
}

/** Whether URL parsers and `inet_aton` would read a name with this last label as an IPv4 address (decimal, octal, hexadecimal). */
function isNumber(label: string): boolean {
  return /^([0-9]+|0x[0-9a-f]*)$/.test(label);
}
