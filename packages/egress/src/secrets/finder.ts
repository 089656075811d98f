import type { Form } from "./forms.ts";

/** A form that is in some data. */
export interface Match {
  /** Of its first byte. */
  start: number;
  /** After its last byte. */
  end: number;
  form: Form;
}

/** Where forms are in one piece of data. */
export interface Search {
  /** The leftmost match that begins at `from` or later; of several that begin there the longest. */
  next(from: number): Match | undefined;
  /** Where the data's longest end begins that is the beginning of a form and could become one; the data's length when there is none. */
  tail(from: number): number;
}

/** Finds forms. */
export class Finder {
  readonly #forms: readonly Form[];

  constructor(forms: readonly Form[]) {
    this.#forms = forms.filter(({ bytes }) => bytes.length > 0);
  }

  search(data: Buffer): Search {
    return {
      next: (from) => {
        let best: Match | undefined;
        for (const form of this.#forms) {
          const start = data.indexOf(form.bytes, from);
          if (start < 0) continue;
          const end = start + form.bytes.length;
          if (!best || start < best.start || (start === best.start && end > best.end)) best = { start, end, form };
        }
        return best;
      },
      tail: (from) => {
        const longest = Math.max(1, ...this.#forms.map(({ bytes }) => bytes.length));
        for (let at = Math.max(from, data.length - longest + 1); at < data.length; at++) {
          const rest = data.subarray(at);
          if (this.#forms.some(({ bytes }) => rest.length < bytes.length && bytes.subarray(0, rest.length).equals(rest))) return at;
        }
        return data.length;
      },
    };
  }
}
