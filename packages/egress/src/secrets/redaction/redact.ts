import type { Transform } from "node:stream";
import { type HostRef, matches, type Pattern } from "../../policy/mod.ts";
import { MIN_CHANCELESS_BYTES } from "../limits.ts";
import { MAX_ESCAPE_BYTES } from "../search/escapes.ts";
import { Finder, type Match } from "../search/finder.ts";
import { formsOf } from "../search/forms.ts";
import { type PausingScanner, ReplacingScanner, ScannerTransform } from "../search/scanner.ts";
import type { SecretSet } from "../secret.ts";

/** Options for redacting a stream. */
export interface RedactionOptions {
  /**
   * Whether a replacement must have the length of what it replaces, because lengths are part of the format: gRPC messages, ranges. A
   * placeholder's length differs from its value's, so filler text is used instead.
   */
  keepLength?: boolean;
}

/** Reports the names of secrets whose values were found. */
export interface Found {
  /** Names of secrets whose value was found so far, each once. */
  found(): string[];
}

/** Filler text where a placeholder does not fit. Its characters are in the base64 alphabet and never need escaping. */
const FILLING = "REDACTED";

/**
 * Replaces the values of a sandbox's secrets with their placeholders, whatever host responds.
 *
 * A value is recognised in UTF-8; in Latin-1, and with its UTF-8 misread as Latin-1; in hexadecimal; in base64 with either alphabet, alone
 * or inside a longer text such as Basic credentials; and in each of these forms with any of its characters escaped as `%XX`, as JSON's
 * `\"` or `\uXXXX`, or as an HTML character reference as understood by browsers; a space also as `+`. It may be split into chunks in any
 * way.
 *
 * A value is replaced by its placeholder, a value in hexadecimal by the placeholder in hexadecimal. In base64, the characters that the value
 * determines are replaced by `REDACTED`, repeated up to the same length, so that the surrounding text can still be decoded. Up to
 * four bits of the value's first and last byte, which share a character with their neighbours, remain.
 *
 * Other forms are not recognised: a value reversed, split into parts with something in between (including over
 * several headers or messages), in a different case, in UTF-16, escaped or encoded twice, in base64 with line breaks, hashed,
 * compressed other than by a content coding, or encrypted. A host that receives a secret and cooperates with the sandbox's code can
 * always pass it on; redaction is for hosts that repeat what they were sent. Values of fewer than four bytes are only
 * recognised unencoded (`MIN_ENCODED_BYTES`).
 */
export class Redactor {
  readonly #secrets: SecretSet;
  readonly #finder: Finder;
  /** Patterns of the hosts that may know a value, on any port. */
  readonly #hosts: readonly Pattern[];
  /** Whether a value could be split into a field's name, a colon and the field's value. */
  readonly #spansFields: boolean;

  /** @param formerHosts hosts that secrets were approved for in the past */
  constructor(secrets: SecretSet, formerHosts: readonly Pattern[] = []) {
    this.#secrets = secrets;
    this.#hosts = [...secrets.all.flatMap(({ hosts }) => hosts), ...formerHosts].map((host) => ({
      ...host,
      port: null,
    }));
    this.#spansFields = secrets.all.some(({ value }) => value.includes(":"));
    this.#finder = new Finder(formsOf(secrets.all.map(({ value }) => value)));
  }

  /** Whether there is nothing to search for. */
  get isEmpty(): boolean {
    return this.#finder.forms.length === 0;
  }

  /** Length of the longest possible spelling of a value, in bytes. */
  get longestSpelling(): number {
    return this.isEmpty ? 0 : this.#finder.tables.longest * MAX_ESCAPE_BYTES;
  }

  /** Whether all values are long enough not to occur by chance. */
  get isChanceless(): boolean {
    return this.#secrets.all.every(({ value }) => value.length >= MIN_CHANCELESS_BYTES);
  }

  /** Whether a host may know a value: a secret is or was approved for its name, on any port. */
  isKnownTo(host: HostRef): boolean {
    return this.#hosts.some((pattern) => matches(pattern, host, 0));
  }

  /**
   * Redacts a text in a message's head: the value of a header or a trailer, or a status text.
   *
   * @param text one character per byte, as in Node, or any other text
   * @throws {SearchLimitError} like all methods
   */
  redactText(text: string): { text: string; found: string[] } {
    if (this.isEmpty || text === "") return { text, found: [] };
    const found = new Set<string>();
    let redacted = text;
    if (!BEYOND_LATIN1.test(redacted)) redacted = this.#redactAs("latin1", redacted, found);
    if (BEYOND_ASCII.test(redacted)) redacted = this.#redactAs("utf8", redacted, found);
    return { text: redacted, found: [...found] };
  }

  /**
   * Redacts a header or trailer field, including its name. Null if name and value together make up a secret's value, like
   * `user` and `password` for `user:password`: such a field must be removed.
   *
   * @throws {SearchLimitError}
   */
  redactField([name, text]: [name: string, value: string]): [name: string, value: string] | null {
    const field: [string, string] = [this.redactText(name).text, this.redactText(text).text];
    if (!this.#spansFields) return field;
    return this.redactText(field.join(":")).found.length + this.redactText(field.join(": ")).found.length > 0
      ? null
      : field;
  }

  /** Redacts a body whose content codings have been decoded. The stream may fail with {@link SearchLimitError}. */
  redactBody(options: RedactionOptions = {}): Transform & Found {
    const scanner = this.scanner(options);
    return Object.assign(new ScannerTransform(scanner), { found: () => scanner.found() });
  }

  /** The same without a stream, for messages. Only a scanner that keeps lengths may pause. */
  scanner(options: RedactionOptions = {}): PausingScanner & Found {
    const found = new Set<string>();
    const scanner = new ReplacingScanner(this.#finder, (match) => {
      const { name, placeholder } = this.#secrets.all[match.form.needle]!;
      found.add(name);
      return standIn(match, placeholder, options.keepLength ?? false);
    });
    return {
      push: (chunk) => scanner.push(chunk),
      pause: () => scanner.pause(),
      flush: () => scanner.flush(),
      found: () => [...found],
    };
  }

  #redactAs(encoding: BufferEncoding, text: string, found: Set<string>): string {
    const scanner = this.scanner();
    const parts = [...scanner.push(Buffer.from(text, encoding)), ...scanner.flush()];
    const names = scanner.found();
    for (const name of names) found.add(name);
    return names.length > 0 ? Buffer.concat(parts).toString(encoding) : text;
  }
}

const BEYOND_LATIN1 = /[^\x00-\xff]/;
const BEYOND_ASCII = /[^\x00-\x7f]/;

function standIn({ form, start, end }: Match, placeholder: string, keepLength: boolean): Buffer {
  if (keepLength) return Buffer.alloc(end - start, FILLING);
  if (form.kind === "base64") return Buffer.alloc(form.bytes.length, FILLING);
  return Buffer.from(form.kind === "hex" ? Buffer.from(placeholder).toString("hex") : placeholder);
}
