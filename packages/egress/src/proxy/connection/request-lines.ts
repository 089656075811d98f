/** Recognises whatever a server could read as the first line of a request, however lenient. For bytes that are passed on unparsed. */

/** In upper case and followed by whitespace, these begin a request: HTTP/0.9 has no version. */
const METHODS = new Set(["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "PRI"]);
const LONGEST_METHOD = 7;
const VERSION = "http/";
/** Longest token that counts as a version, bytes: `HTTP/1.1` has 8. */
const MAX_VERSION_BYTES = 32;

const CR = 13;
const LF = 10;
const SLASH = 47;
const STAR = 42;
/** Bytes at which servers in some language split lines; the last two are the final bytes of U+2028 and U+2029. */
const LINE_ENDS = new Set([LF, CR, 0x0b, 0x0c, 0x1c, 0x1d, 0x1e, 0x85, 0xa8, 0xa9]);

/**
 * Whether servers in some language treat a byte as whitespace or part of it: control characters, and the bytes of non-ASCII whitespace,
 * in Latin-1 (U+0085, U+00A0) and in UTF-8 (U+1680, U+2000 …, U+3000, U+FEFF).
 */
export function isBlank(byte: number): boolean {
  return (
    byte <= 0x20 || (byte >= 0x7f && byte <= 0xbf) || byte === 0xc2 || (byte >= 0xe1 && byte <= 0xe3) || byte === 0xef
  );
}

export interface RequestLinesOptions {
  /** How many non-empty lines are examined. */
  lines: number;
  /** Whether a line that ends with a version is a request whatever its method. Not in a ClientHello, where `http/1.1` is a protocol name. */
  versions?: boolean;
}

/** Scans bytes as they arrive, each of them once. */
export class RequestLines {
  readonly #versions: boolean;
  #linesLeft: number;
  /** Words since the last line feed, including the current one. */
  #words = 0;
  #inWord = false;
  #word = "";
  #wordBytes = 0;
  /** Whether no word has begun since the last line end of any kind. */
  #atStart = true;
  /** Whether the current word is the first one of a line. */
  #first = true;
  /** Whether the previous word was the first one and a method: in upper case before a CR that a line feed may complete, or in any case. */
  #method: "no" | "any case" | "before CR" = "no";
  /** Whether the last word is a version or could become one. */
  #version = false;
  /** Bytes since the slash of that version. */
  #pending = 0;

  constructor({ lines, versions = true }: RequestLinesOptions) {
    this.#linesLeft = lines;
    this.#versions = versions;
  }

  /** Whether all lines have been examined. */
  get done(): boolean {
    return this.#linesLeft === 0;
  }

  /** How many of the last bytes must be held back: with the end of the line, or of the stream, they could be a request. */
  get pending(): number {
    return this.#pending;
  }

  /** Returns true if these bytes complete something that could be read as a request. */
  push(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length && !this.done; at++) if (this.#take(bytes[at]!)) return true;
    return false;
  }

  #take(byte: number): boolean {
    if (this.#method === "before CR") {
      if (byte !== LF) return true;
      this.#method = "no";
    }
    if (!isBlank(byte)) return this.#letter(byte);
    if (this.#pending > 0) this.#pending++;
    if (this.#inWord && this.#endWord(byte)) return true;
    if (!LINE_ENDS.has(byte)) return false;
    if (this.#version && this.#words > 1) return true;
    this.#atStart = true;
    if (byte === LF) this.#endLine();
    return false;
  }

  #letter(byte: number): boolean {
    if (!this.#inWord) this.#beginWord();
    this.#wordBytes++;
    if (this.#word.length <= LONGEST_METHOD) this.#word += String.fromCharCode(byte);
    if (
      this.#method === "any case" &&
      (byte === SLASH || byte === STAR ? this.#wordBytes === 1 : /^https?:$/i.test(this.#word))
    )
      return true;
    if (!this.#versions || this.#words === 1) return false;
    if (this.#wordBytes === VERSION.length) this.#version = this.#word.toLowerCase() === VERSION;
    else if (this.#version)
      this.#version = this.#wordBytes <= MAX_VERSION_BYTES && /[\w.+-]/.test(String.fromCharCode(byte));
    this.#pending = this.#version ? this.#pending + 1 : 0;
    return false;
  }

  #beginWord(): void {
    this.#inWord = true;
    this.#words++;
    this.#word = "";
    this.#wordBytes = 0;
    this.#first = this.#atStart;
    this.#atStart = false;
    this.#version = false;
    this.#pending = 0;
  }

  #endWord(blank: number): boolean {
    this.#inWord = false;
    this.#method = "no";
    if (!this.#first || blank === LF) return false;
    if (METHODS.has(this.#word)) {
      if (blank !== CR) return true;
      this.#method = "before CR";
    } else if (METHODS.has(this.#word.toUpperCase())) this.#method = "any case";
    return false;
  }

  #endLine(): void {
    if (this.#words > 0) this.#linesLeft--;
    this.#words = 0;
    this.#method = "no";
    this.#version = false;
    this.#pending = 0;
  }
}

/** Whether any server could read a line as the first of a request. */
export function isRequestLine(line: Uint8Array): boolean {
  const lines = new RequestLines({ lines: 1 });
  return lines.push(line) || lines.push(Uint8Array.of(LF));
}
