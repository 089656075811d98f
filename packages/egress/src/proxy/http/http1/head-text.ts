import { type Header, isValid } from "@sandkeep/common/http";

/** The first line of a request or response. */
const FIRST_LINE = /^[\t\x20-\x7e\x80-\xff]+$/;

/**
 * Formats the head of an HTTP/1 message. Write it as Latin-1: each character is one byte, so what leaves is what was checked.
 *
 * @throws {Error} if it cannot be written as a single head; the message quotes none of it
 */
export function headText(first: string, headers: readonly Header[]): string {
  if (!FIRST_LINE.test(first)) throw new Error("The first line of the message contains invalid characters.");
  return `${first}\r\n${fieldLines(headers)}\r\n`;
}

/** Formats headers or trailers, without the empty line at the end. @throws {Error} as `headText` does */
export function fieldLines(headers: readonly Header[]): string {
  let text = "";
  for (const header of headers) {
    if (!isValid(header)) throw new Error("A header contains invalid characters.");
    text += `${header[0]}: ${header[1]}\r\n`;
  }
  return text;
}
