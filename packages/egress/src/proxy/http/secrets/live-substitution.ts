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
 * Puts values into a body, or into messages, by the secrets of the moment: after a change the rest gets no value that was revoked or
 * rotated, however long ago the body began. A placeholder that is cut in two by the change stays one.
 */
export class LiveSubstitution implements Scanner {
  readonly #secrets: () => SecretSet;
  readonly #approved: () => readonly Secret[];
  readonly #contentType: string | undefined;
  readonly #record: RequestRecord;
  #current: { of: SecretSet; scanner: Scanner & BodySubstitution };

  /**
   * @param approved those that may be put in; of others it is only noted that their placeholders were there
   * @param contentType of the body, which says how a value is written in it
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
    // What was held back is the beginning of a placeholder at most, never a whole one.
    const rest = scanner.flush();
    this.note();
    return rest;
  }

  /** Takes down what was found so far. */
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
