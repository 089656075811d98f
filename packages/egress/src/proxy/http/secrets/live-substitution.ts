import {
  type BodySubstitution,
  bodyMayChange,
  bodySubstitution,
  type Scanner,
  type Secret,
  type SecretSet,
} from "../../../secrets/mod.ts";
import type { RequestRecord } from "../../connection/record.ts";

/**
 * Substitutes the current secrets in a body or in messages. After a change, the rest gets no revoked or rotated value, no matter when the
 * body began. A placeholder that is split by the change stays a placeholder.
 */
export class LiveSubstitution implements Scanner {
  readonly #secrets: () => SecretSet;
  readonly #approved: () => readonly Secret[];
  readonly #contentType: string | undefined;
  readonly #record: RequestRecord;
  #current: { of: SecretSet; scanner: Scanner & BodySubstitution };

  /**
   * @param approved secrets that may be substituted; for others, only the occurrence of their placeholders is recorded
   * @param contentType of the body, which determines how values are escaped in it
   */
  constructor(
    secrets: () => SecretSet,
    approved: () => readonly Secret[],
    contentType: string | undefined,
    record: RequestRecord,
  ) {
    this.#secrets = secrets;
    this.#approved = approved;
    this.#contentType = contentType;
    this.#record = record;
    this.#current = this.#make();
  }

  push(chunk: Buffer): Buffer[] {
    if (this.#current.of === this.#secrets()) return this.#current.scanner.push(chunk);
    const rest = this.flush();
    this.#current = this.#make();
    return [...rest, ...this.#current.scanner.push(chunk)];
  }

  flush(): Buffer[] {
    const { scanner } = this.#current;
    // At most the beginning of a placeholder was held back, never a whole one.
    const rest = scanner.flush();
    this.note();
    return rest;
  }

  /** Records what was found so far. */
  note(): void {
    const { scanner } = this.#current;
    this.#record.note("secrets", scanner.used());
    this.#record.note("placeholders", scanner.refused());
  }

  #make(): { of: SecretSet; scanner: Scanner & BodySubstitution } {
    const of = this.#secrets();
    const approved = this.#approved();
    return { of, scanner: bodySubstitution(bodyMayChange(approved) ? approved : [], of, this.#contentType) };
  }
}
