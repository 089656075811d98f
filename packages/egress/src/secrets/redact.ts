import type { Transform } from "node:stream";
import { Finder, type Match } from "./finder.ts";
import { formsOf } from "./forms.ts";
import { ReplacingScanner, type Scanner, ScannerTransform } from "./scanner.ts";
import type { SecretSet } from "./secret.ts";

/** How a stream is redacted. */
export interface RedactionOptions {
  /**
   * Whether what stands for a value has to have the length of what it replaces, because lengths are part of the format (gRPC,
   * ranges). A placeholder has another length than its value, so it cannot be used then.
   */
  keepLength?: boolean;
}

/** What reports the names of secrets whose values were found. */
export interface Found {
  /** Names of secrets whose value was there so far, each once. */
  found(): string[];
}

/** Turns values of a sandbox's secrets back into their placeholders, whatever host answers. */
export class Redactor {
  readonly #secrets: SecretSet;
  readonly #finder: Finder;

  constructor(secrets: SecretSet) {
    this.#secrets = secrets;
    this.#finder = new Finder(formsOf(secrets.all.map(({ value }) => value)));
  }

  /** A text of a message's head: the value of a header or a trailer, a status text. One character is one byte, as Node has them. */
  redactText(text: string): { text: string; found: string[] } {
    const scanner = this.scanner();
    const bytes = Buffer.concat([...scanner.push(Buffer.from(text, "latin1")), ...scanner.flush()]);
    const found = scanner.found();
    return { text: found.length > 0 ? bytes.toString("latin1") : text, found };
  }

  /** A body, after its content codings have been opened. */
  redactBody(options: RedactionOptions = {}): Transform & Found {
    const scanner = this.scanner(options);
    return Object.assign(new ScannerTransform(scanner), { found: () => scanner.found() });
  }

  /** The same without a stream: messages of WebSockets. */
  scanner(_options: RedactionOptions = {}): Scanner & Found {
    const found = new Set<string>();
    const scanner = new ReplacingScanner(this.#finder, (match: Match) => {
      const secret = this.#secrets.all[match.form.needle]!;
      found.add(secret.name);
      return Buffer.from(secret.placeholder);
    });
    return { push: (chunk) => scanner.push(chunk), flush: () => scanner.flush(), found: () => [...found] };
  }
}
