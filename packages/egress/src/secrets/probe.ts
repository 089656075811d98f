import { canBecome, ESCAPE_START, EscapeReader, INCOMPLETE } from "./escapes.ts";
import type { Form } from "./forms.ts";

/**
 * Steps of comparing that are spent on a byte of data, on average over a chunk, before the search is given up. Ordinary values need
 * less than one; only a value that is hardly more than repetitions of itself needs many, and must not keep the proxy from
 * serving other sandboxes.
 */
const MAX_STEPS_PER_BYTE = 256;
/** What a short chunk may take in any case. */
const MIN_STEPS = 65_536;

/** The search took too long. What was searched must not be passed on. */
export class SearchLimitError extends Error {
  override name = "SearchLimitError";

  constructor() {
    super("Looking for a secret's value takes too long: the value repeats itself too much");
  }
}

/** Compares forms with data in one place, each of their characters as it is or escaped. */
export class Probe {
  readonly #data: Uint8Array;
  readonly #reader = new EscapeReader();
  /** Where the present comparison has still to be tried in another way: pairs of a place in the data and one in the form. */
  readonly #branches: number[] = [];
  #stepsLeft: number;
  /** Whether, in the last comparison, the data ended before the form did. */
  open = false;

  constructor(data: Uint8Array) {
    this.#data = data;
    this.#stepsLeft = MIN_STEPS + MAX_STEPS_PER_BYTE * data.length;
  }

  /** The end of the form when it begins at `start`, all as it is; otherwise -1. @throws SearchLimitError */
  plain({ bytes, fold }: Form, start: number): number {
    const data = this.#data;
    if (start + bytes.length > data.length) return -1;
    let at = 0;
    while (at < bytes.length && fold[data[start + at]!] === bytes[at]) at++;
    this.#spend(at);
    return at === bytes.length ? start + at : -1;
  }

  /** Whether the first `count` bytes of the form stand, as they are, before `end`. @throws SearchLimitError */
  endsWith({ bytes, fold }: Form, count: number, end: number): boolean {
    const data = this.#data;
    let at = 1;
    while (at <= count && fold[data[end - at]!] === bytes[count - at]) at++;
    this.#spend(at);
    return at > count;
  }

  /**
   * The end of the form's longest spelling that goes on at `at` with the form's byte `place`, or -1. Where a character can be read
   * as itself and as the start of an escape, both are tried. Sets {@link open}.
   *
   * @throws SearchLimitError
   */
  match(form: Form, at: number, place: number): number {
    this.open = false;
    const branches = this.#branches;
    branches.length = 0;
    let longest = this.#walk(form, at, place);
    if (branches.length === 0) return longest;
    const tried = new Set<number>();
    for (;;) {
      const branchPlace = branches.pop();
      const branchAt = branches.pop();
      if (branchPlace === undefined || branchAt === undefined) return longest;
      const key = branchAt * (form.bytes.length + 1) + branchPlace;
      if (tried.has(key)) continue;
      tried.add(key);
      longest = Math.max(longest, this.#walk(form, branchAt, branchPlace));
    }
  }

  /** Follows one spelling, in which escapes come first; notes where others part from it. */
  #walk(form: Form, at: number, place: number): number {
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
          if (same) this.#branches.push(at + 1, place + 1);
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
    return place === bytes.length ? at : -1;
  }

  /** The length of the escape at `at` when it means what the form has at `place`, otherwise 0. */
  #escape({ bytes, fold }: Form, at: number, place: number): number {
    const reader = this.#reader;
    const length = reader.read(this.#data, at);
    if (length === INCOMPLETE && !this.open) this.open = this.#canBecome(bytes, fold, at, place);
    if (length <= 0) return 0;
    for (let index = 0; index < reader.count; index++) {
      if (fold[reader.bytes[index]!] !== bytes[place + index]) return 0;
    }
    return length;
  }

  /** Whether the incomplete escape at `at` can mean what the form has at `place`. */
  #canBecome(bytes: Uint8Array, fold: Uint8Array, at: number, place: number): boolean {
    const text = Buffer.from(this.#data.subarray(at)).toString("latin1");
    const wanted = bytes[place]!;
    if (wanted >= 0x80) return canBecome(text, wanted, characterAt(bytes, place));
    return fold.some((folded, byte) => folded === wanted && canBecome(text, byte, byte));
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
