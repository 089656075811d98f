import { canBecome, ESCAPE_START, EscapeReader, INCOMPLETE } from "./escapes.ts";
import type { Form } from "./forms.ts";

/**
 * Comparison steps per byte of data, averaged over a chunk, before the search is aborted. Ordinary values need
 * less than one. Only a highly repetitive value needs many, and it must not keep the proxy from
 * serving other sandboxes.
 */
const MAX_STEPS_PER_BYTE = 256;
/** Steps that even a short chunk may take. */
const MIN_STEPS = 65_536;

/** The search took too long. The data must not be passed on. */
export class SearchLimitError extends Error {
  override name = "SearchLimitError";

  constructor() {
    super("Looking for a secret's value takes too long: the value repeats itself too much");
  }
}

/** Compares forms with data at one position, with each character escaped or not. */
export class Probe {
  readonly #data: Uint8Array;
  readonly #reader: EscapeReader;
  /**
   * Alternatives that the current comparison still has to try: a position in the data, one in the form, and 1 if the bytes after the
   * data can still rule it out.
   */
  readonly #branches: number[] = [];
  #stepsLeft: number;
  /** Whether, in the last comparison, the data ended before the form did. */
  open = false;

  /** @param final whether nothing follows the data */
  constructor(data: Uint8Array, final: boolean) {
    this.#data = data;
    this.#reader = new EscapeReader(final);
    this.#stepsLeft = MIN_STEPS + MAX_STEPS_PER_BYTE * data.length;
  }

  /** The end of the form if it begins at `start` without escapes, otherwise -1. @throws SearchLimitError */
  plain({ bytes, fold }: Form, start: number): number {
    const data = this.#data;
    if (start + bytes.length > data.length) return -1;
    let at = 0;
    while (at < bytes.length && fold[data[start + at]!] === bytes[at]) at++;
    this.#spend(at);
    return at === bytes.length ? start + at : -1;
  }

  /** Whether the first `count` bytes of the form precede `end` without escapes. @throws SearchLimitError */
  endsWith({ bytes, fold }: Form, count: number, end: number): boolean {
    const data = this.#data;
    let at = 1;
    while (at <= count && fold[data[end - at]!] === bytes[count - at]) at++;
    this.#spend(at);
    return at > count;
  }

  /**
   * The end of the form's longest spelling that continues at `at` with the form's byte `place`, or -1. If a character can be both
   * itself and the start of an escape, both are tried. Sets {@link open}.
   *
   * @throws SearchLimitError
   */
  match(form: Form, at: number, place: number): number {
    this.open = false;
    const branches = this.#branches;
    branches.length = 0;
    let longest = this.#walk(form, at, place, 0);
    if (branches.length === 0) return longest;
    const tried = new Set<number>();
    for (;;) {
      const undecided = branches.pop();
      const branchPlace = branches.pop();
      const branchAt = branches.pop();
      if (undecided === undefined || branchPlace === undefined || branchAt === undefined) return longest;
      const key = (branchAt * (form.bytes.length + 1) + branchPlace) * 2 + undecided;
      if (tried.has(key)) continue;
      tried.add(key);
      longest = Math.max(longest, this.#walk(form, branchAt, branchPlace, undecided));
    }
  }

  /** Follows one spelling, preferring escapes, and notes where others branch off. */
  #walk(form: Form, at: number, place: number, undecided: number): number {
    const data = this.#data;
    const { bytes, fold, escapable } = form;
    const begin = at;
    while (place < bytes.length) {
      if (at >= data.length) {
        this.open = true;
        break;
      }
      const byte = data[at]!;
      const same = fold[byte] === bytes[place];
      if (escapable && ESCAPE_START[byte] === 1) {
        const length = this.#escape(form, at, place);
        if (length > 0) {
          if (same) this.#branches.push(at + 1, place + 1, undecided);
          at += length;
          place += this.#reader.count;
          continue;
        }
      }
      if (!same) break;
      at++;
      place++;
    }
    this.#spend(1 + at - begin);
    if (place < bytes.length) return -1;
    if (undecided === 0) return at;
    this.open = true;
    return -1;
  }

  /** The length of the escape at `at` if it matches the form at `place`, otherwise 0. */
  #escape(form: Form, at: number, place: number): number {
    const reader = this.#reader;
    const length = reader.read(this.#data, at);
    if (length === INCOMPLETE) this.#incomplete(form, at, place);
    return length > 0 && this.#means(form, place) ? length : 0;
  }

  /** Notes what an incomplete escape at the end of the data could still become. */
  #incomplete(form: Form, at: number, place: number): void {
    const short = this.#reader.readShort(this.#data, at);
    if (short > 0 && this.#means(form, place)) this.#branches.push(at + short, place + this.#reader.count, 1);
    if (!this.open)
      this.open = canBecome(
        Buffer.from(this.#data.subarray(at)).toString("latin1"),
        form,
        place,
        characterAt(form.bytes, place),
      );
  }

  /** Whether the escape just read matches the form at `place`. */
  #means({ bytes, fold }: Form, place: number): boolean {
    const { bytes: read, count } = this.#reader;
    for (let index = 0; index < count; index++) if (fold[read[index]!] !== bytes[place + index]) return false;
    return true;
  }

  #spend(steps: number): void {
    this.#stepsLeft -= steps;
    if (this.#stepsLeft < 0) throw new SearchLimitError();
  }
}

/** The character whose UTF-8 begins at `at`, or -1. */
function characterAt(bytes: Uint8Array, at: number): number {
  const [character] = Buffer.from(bytes.subarray(at, at + 4)).toString("utf8");
  if (character === undefined) return -1;
  const encoded = Buffer.from(character);
  return encoded.equals(bytes.subarray(at, at + encoded.length)) ? character.codePointAt(0)! : -1;
}
