import type { Transform } from "node:stream";
import { type HostRef, matches, type Pattern } from "../../policy/mod.ts";
import { MIN_CHANCELESS_BYTES } from "../limits.ts";
import { MAX_ESCAPE_BYTES } from "../search/escapes.ts";
import { Finder, type Match } from "../search/finder.ts";
import { formsOf } from "../search/forms.ts";
import { type PausingScanner, ReplacingScanner, ScannerTransform } from "../search/scanner.ts";
import type { SecretSet } from "../secret.ts";

/** How a stream is redacted. */
export interface RedactionOptions {
  /**
   * Whether what stands for a value has to have the length of what it replaces, because lengths are part of the format: messages
   * of gRPC, ranges. A placeholder has another length than its value, so filling stands there then.
   */
  keepLength?: boolean;
}

/** What reports the names of secrets whose values were found. */
export interface Found {
  /** Names of secrets whose value was there so far, each once. */
  found(): string[];
}

/** What stands where a placeholder cannot. Its characters are in the alphabet of base64 and need no escape anywhere. */
const FILLING = "REDACTED";

/**
 * Turns values of a sandbox's secrets back into their placeholders, whatever host answers.
 *
 * Recognised is a value as its UTF-8 is; in Latin-1, and with its UTF-8 taken for Latin-1; in hexadecimal; in base64 of either alphabet, alone or inside of a longer text such as
 * Basic credentials; and each of these with any of its characters written as `%XX`, as JSON's `\"` or `\uXXXX`, or as one of HTML's
 * character references, as browsers read them; a space also as `+`. It may be split over chunks in any way.
 *
 * In the place of a value stands its placeholder, of hexadecimal the placeholder's. Of base64 the characters that the value
 * determines are replaced by `REDACTED`, again and again up to the same length, so that what stands around still decodes; up to
 * four bits of the value's first and last byte, which share a character with their neighbours, are left.
 *
 * Not recognised is what is not one of these forms: a value reversed, split in parts with something in between (also over
 * several headers or messages), in another case, in UTF-16, escaped or encoded twice, in base64 with line ends, hashed,
 * compressed by other means than a content coding, encrypted. A host that gets a secret and works with the sandbox's code can
 * always hand it over; redaction is for hosts that repeat what they were sent. Values of fewer than four bytes are only
 * recognised as they are (`MIN_ENCODED_BYTES`).
 */
export class Redactor {
  readonly #secrets: SecretSet;
  readonly #finder: Finder;
  /** Who may know a value, on whatever port. */
  readonly #hosts: readonly Pattern[];
  /** Whether a value could be written as a field's name, a colon and the field's value. */
  readonly #spansFields: boolean;

  /** @param formerHosts hosts that secrets were for before */
  constructor(secrets: SecretSet, formerHosts: readonly Pattern[] = []) {
    this.#secrets = secrets;
    this.#hosts = [...secrets.all.flatMap(({ hosts }) => hosts), ...formerHosts].map((host) => ({
      ...host,
      port: null,
    }));
    this.#spansFields = secrets.all.some(({ value }) => value.includes(":"));
    this.#finder = new Finder(formsOf(secrets.all.map(({ value }) => value)));
  }

  /** Whether there is nothing to look for. */
  get isEmpty(): boolean {
    return this.#finder.forms.length === 0;
  }

  /** Most bytes that a value can take in an answer, however it is written. */
  get longestSpelling(): number {
    return this.isEmpty ? 0 : this.#finder.tables.longest * MAX_ESCAPE_BYTES;
  }

  /** Whether no value is so short that it could be in something by chance. */
  get isChanceless(): boolean {
    return this.#secrets.all.every(({ value }) => value.length >= MIN_CHANCELESS_BYTES);
  }

  /** Whether a host may have been told a value: one of a secret, now or formerly, is for its name, on whatever port. */
  isKnownTo(host: HostRef): boolean {
    return this.#hosts.some((pattern) => matches(pattern, host, 0));
  }

  /**
   * Redacts a text of a message's head: the value of a header or a trailer, a status text.
   *
   * @param text As Node has it, one character a byte; or any other text.
   * @throws {SearchLimitError} as all of them do.
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
   * Redacts a field of a head or of trailers, its name too. Null for one whose name and value make up a secret's value together, as
   * `user` and `password` do of `user:password`: nothing of it can stay.
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

  /** Redacts a body, after its content codings have been opened. Its stream fails with {@link SearchLimitError}. */
  redactBody(options: RedactionOptions = {}): Transform & Found {
    const scanner = this.scanner(options);
    return Object.assign(new ScannerTransform(scanner), { found: () => scanner.found() });
  }

  /** The same without a stream, for messages. Only one that keeps lengths may pause. */
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
