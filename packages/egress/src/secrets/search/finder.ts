import { EscapeStarts } from "./escape-starts.ts";
import {
  AMPERSAND,
  ESCAPE_START,
  EscapeReader,
  INCOMPLETE,
  MAX_ESCAPE_BYTES,
  MAX_OTHER_BYTES,
  MAX_OTHER_EXTRA,
  MAX_REFERENCE_EXTRA,
  OTHER_EXTRA,
} from "./escapes.ts";
import type { Form } from "./forms.ts";
import { Probe } from "./probe.ts";
import { PLACE_BITS, PLACE_MASK, Tables } from "./tables.ts";

/** An occurrence of a form in data. */
export interface Match {
  /** Index of its first byte. */
  start: number;
  /** Index after its last byte. */
  end: number;
  form: Form;
}

/** Finds forms, each of whose characters may be escaped or not. */
export class Finder {
  readonly forms: readonly Form[];
  #tables: Tables | undefined;

  constructor(forms: readonly Form[]) {
    this.forms = forms;
  }

  /** Created when first needed: they take about 200 KB. */
  get tables(): Tables {
    return (this.#tables ??= new Tables(this.forms));
  }

  /**
   * Searches one piece of data. There must be at least one form.
   *
   * @param final whether nothing follows the data
   */
  search(data: Buffer, final = true): Search {
    return new Search(this.forms, this.tables, data, final);
  }
}

/** A search in one piece of data. The methods throw {@link SearchLimitError}. */
export class Search {
  readonly #forms: readonly Form[];
  readonly #tables: Tables;
  readonly #data: Buffer;
  readonly #probe: Probe;
  readonly #reader: EscapeReader;
  /** Absent if no form can be escaped. */
  readonly #escapes: EscapeStarts | undefined;
  /** The last match without escapes, valid as long as it lies ahead. */
  #plain: Match | null | undefined;

  constructor(forms: readonly Form[], tables: Tables, data: Buffer, final: boolean) {
    this.#forms = forms;
    this.#tables = tables;
    this.#data = data;
    this.#probe = new Probe(data, final);
    this.#reader = new EscapeReader(final);
    this.#escapes = tables.escapable ? new EscapeStarts(data) : undefined;
  }

  /** The leftmost match that begins at `from` or later; the longest one if several begin there. */
  next(from: number): Match | undefined {
    if (this.#plain === undefined || (this.#plain !== null && this.#plain.start < from)) {
      this.#plain = this.#tables.window === 1 ? this.#nextByBytes(from) : this.#nextPlain(from);
    }
    const match =
      this.#escapes && !this.#escapes.none ? this.#nextEscaped(this.#escapes, from, this.#plain) : this.#plain;
    return match ?? undefined;
  }

  /**
   * The start, at `from` or later, of the longest end of the data that could be the beginning of a form; the data's
   * length if there is none.
   */
  tail(from: number): number {
    const data = this.#data;
    const { starts, starting, ends } = this.#tables;
    if (ends[data[data.length - 1]!] === 0) return data.length;
    for (let at = this.#earliestOpen(from); at < data.length; at++) {
      const byte = data[at]!;
      if (starts[byte] === 0) continue;
      if (this.#isOpen(starting[byte]!, at)) return at;
      if (ESCAPE_START[byte] === 0) continue;
      const length = this.#reader.read(data, at);
      if (
        length === INCOMPLETE
          ? this.#isOpen(this.#forms, at)
          : length > 0 && this.#isOpen(starting[this.#reader.bytes[0]!]!, at)
      )
        return at;
    }
    return data.length;
  }

  /** A position before which no incomplete form can begin: too many bytes follow, even if all are escaped. */
  #earliestOpen(from: number): number {
    const data = this.#data;
    const { longest } = this.#tables;
    if (!this.#escapes || this.#escapes.none) return Math.max(from, data.length - longest);
    let first = Math.max(from, data.length - longest * (1 + MAX_OTHER_EXTRA));
    let at = data.length;
    // The position may be within an escape that began earlier.
    let left = longest + MAX_OTHER_BYTES;
    for (;;) {
      while (at > first && left > 0) {
        const byte = data[--at]!;
        left += OTHER_EXTRA[byte]! - 1;
        if (byte !== AMPERSAND) continue;
        left += this.#reader.referenceExtra(data, at);
        first = Math.max(from, data.length - longest * (1 + MAX_REFERENCE_EXTRA));
      }
      // The same for a reference.
      const earliest = Math.max(from, at - MAX_ESCAPE_BYTES);
      let start = at - 1;
      while (start >= earliest && data[start] !== AMPERSAND) start--;
      if (start < earliest) return at;
      first = Math.max(from, data.length - longest * (1 + MAX_REFERENCE_EXTRA));
      if (at === first) return at;
      left = MAX_ESCAPE_BYTES;
    }
  }

  /** Whether one of these forms begins at `at` and could continue after the data. */
  #isOpen(forms: readonly Form[], at: number): boolean {
    const data = this.#data;
    const second = at + 1 < data.length ? data[at + 1]! : -1;
    // Most forms are ruled out by two bytes that cannot be escaped.
    const decided = second >= 0 && ESCAPE_START[second] === 0 && ESCAPE_START[data[at]!] === 0;
    for (const form of forms) {
      if (decided && form.fold[second] !== form.bytes[1]) continue;
      this.#probe.match(form, at, 0);
      if (this.#probe.open) return true;
    }
    return false;
  }

  #nextPlain(from: number): Match | null {
    const data = this.#data;
    const { shift, candidates, window } = this.#tables;
    const { length } = data;
    let last = from + window - 1;
    while (last < length) {
      const key = (data[last - 1]! << 8) | data[last]!;
      const move = shift[key]!;
      if (move !== 0) {
        last += move;
        continue;
      }
      const match = this.#longest(candidates.get(key)!, last - window + 1);
      if (match) return match;
      last++;
    }
    return null;
  }

  /** The same if a form has only one byte. */
  #nextByBytes(from: number): Match | null {
    const { starting } = this.#tables;
    for (let at = from; at < this.#data.length; at++) {
      const match = this.#longest(starting[this.#data[at]!]!, at);
      if (match) return match;
    }
    return null;
  }

  #longest(forms: readonly Form[], start: number): Match | null {
    let best: Match | null = null;
    for (const form of forms) {
      const end = this.#probe.plain(form, start);
      if (end > (best?.end ?? 0)) best = { start, end, form };
    }
    return best;
  }

  /** A match with escapes that comes before `best`, or else `best`. It is found by its first escape; the bytes before that are unescaped. */
  #nextEscaped(escapes: EscapeStarts, from: number, best: Match | null): Match | null {
    const data = this.#data;
    const { starting, escaped, places, longest, references } = this.#tables;
    const reader = this.#reader;
    let stop = best ? Math.min(data.length, best.start + longest) : data.length;
    for (let at = escapes.next(from, stop); at < stop; at = escapes.next(at + 1, stop)) {
      if (data[at] === AMPERSAND && references[data[at + 1] ?? 0] === 0) continue;
      if (reader.read(data, at) <= 0) continue;
      const byte = reader.bytes[0]!;
      const before = best;
      for (const form of starting[byte]!) if (form.escapable) best = this.#better(best, form, at, 0);
      const key = at > from ? (data[at - 1]! << 8) | byte : 0;
      if (at > from && escaped[key] === 1) {
        for (const place of places.get(key)!) {
          const start = at - (place & PLACE_MASK);
          if (start >= from) best = this.#better(best, this.#forms[place >> PLACE_BITS]!, start, place & PLACE_MASK);
        }
      }
      if (best !== before) stop = Math.min(data.length, best!.start + longest);
    }
    return best;
  }

  /** The better one of `best` and the match of this form whose bytes before `place` are unescaped. */
  #better(best: Match | null, form: Form, start: number, place: number): Match | null {
    if (best && start > best.start) return best;
    const at = start + place;
    if (place > 0 && !this.#probe.endsWith(form, place, at)) return best;
    const end = this.#probe.match(form, at, place);
    if (end < 0 || (best && start === best.start && end <= best.end)) return best;
    return { start, end, form };
  }
}
