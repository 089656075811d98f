import { ESCAPE_START } from "./escapes.ts";
import type { Form } from "./forms.ts";
import { namesOf } from "./references.ts";

/** Largest window in bytes. A larger one would not make skips much longer. */
const MAX_WINDOW_BYTES = 128;

/** Position of a byte in a form: the form's index and the position in one number. */
export const PLACE_BITS = 16;
export const PLACE_MASK = (1 << PLACE_BITS) - 1;

/** Key of two consecutive bytes. */
const pair = (first: number, second: number) => (first << 8) | second;

/**
 * A finder's lookup tables (after Wu and Manber, "A fast algorithm for multi-pattern searching", 1994): indexed by the last two bytes of a
 * window, how far the window can move because no form has these two bytes at that position.
 */
export class Tables {
  /** Size of the window: the length of the shortest form, within limits. */
  readonly window: number;
  /** Whether a form may be escaped. */
  readonly escapable: boolean;
  /** Length of the longest form. */
  readonly longest: number;
  /** Indexed by {@link pair}: how far to move; 0 if the window may contain forms in `candidates`. Absent for windows of one byte. */
  readonly shift: Uint8Array;
  readonly candidates = new Map<number, Form[]>();
  /** Indexed by byte: the forms that may begin with it. */
  readonly starting: Form[][] = Array.from({ length: 256 }, () => []);
  /** Indexed by byte: 1 if a form, an escape of a form or a beginning of these may begin with it. */
  readonly starts = new Uint8Array(256);
  /** Indexed by byte: 1 if the beginning of a form, or of an escape in it, may end with it. */
  readonly ends = new Uint8Array(256);
  /** Indexed by byte: 1 if a reference that has it after the `&` can match something in a form. */
  readonly references = new Uint8Array(256);
  /** Indexed by {@link pair} of an unescaped byte and an escaped one: 1 if a form has them in this order. */
  readonly escaped: Uint8Array;
  /** For these pairs: in which forms, and at which position, the second byte is. */
  readonly places = new Map<number, number[]>();

  constructor(forms: readonly Form[]) {
    const lengths = forms.map(({ bytes }) => bytes.length);
    this.longest = Math.max(...lengths);
    this.window = Math.min(MAX_WINDOW_BYTES, ...lengths);
    this.shift = new Uint8Array(1 << 16).fill(this.window - 1);
    this.escaped = new Uint8Array(1 << 16);
    this.escapable = forms.some(({ escapable }) => escapable);
    if (this.escapable) this.#addEscapes();
    for (const [index, form] of forms.entries()) this.#add(form, index);
  }

  #addEscapes(): void {
    for (let byte = 0; byte < 256; byte++) if (ESCAPE_START[byte] === 1) this.starts[byte] = 1;
    // All characters of escapes other than names. A table for each escape and form would be exact, but is not worth it.
    for (const character of '%\\&#;0123456789ABCDEFabcdefxXunrt"/') this.ends[character.charCodeAt(0)] = 1;
    this.references["#".charCodeAt(0)] = 1;
  }

  #addNames(byte: number): void {
    for (const name of namesOf(byte)) {
      this.references[name.charCodeAt(0)] = 1;
      for (const letter of Buffer.from(name)) this.ends[letter] = 1;
    }
  }

  #add(form: Form, index: number): void {
    const { bytes, escapable } = form;
    const spellings = spellingsOf(form);
    for (const byte of spellings[bytes[0]!]!) {
      this.starts[byte] = 1;
      this.starting[byte]!.push(form);
    }
    for (const byte of new Set(bytes)) {
      for (const spelling of spellings[byte]!) {
        this.ends[spelling] = 1;
        if (escapable) this.#addNames(spelling);
      }
    }
    for (let at = 1; at < bytes.length; at++) {
      if (at >= this.window && !escapable) break;
      for (const first of spellings[bytes[at - 1]!]!) {
        for (const second of spellings[bytes[at]!]!) this.#addPair(pair(first, second), form, index, at);
      }
    }
  }

  #addPair(key: number, form: Form, index: number, at: number): void {
    if (at < this.window) {
      const shift = this.window - 1 - at;
      if (shift < this.shift[key]!) this.shift[key] = shift;
      if (shift === 0) append(this.candidates, key, form);
    }
    if (form.escapable) {
      this.escaped[key] = 1;
      append(this.places, key, (index << PLACE_BITS) | at);
    }
  }
}

function append<Value>(map: Map<number, Value[]>, key: number, value: Value): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

/** Indexed by folded byte: the equivalent bytes. */
function spellingsOf({ fold }: Form): number[][] {
  const spellings: number[][] = Array.from({ length: 256 }, () => []);
  for (let byte = 0; byte < 256; byte++) spellings[fold[byte]!]!.push(byte);
  return spellings;
}
