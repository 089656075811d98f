import { Transform, type TransformCallback } from "node:stream";
import { MIN_ENCODED_BYTES } from "../limits.ts";
import type { Finder, Match } from "./finder.ts";

/** Processes a stream in chunks, however split, and returns what may be passed on. */
export interface Scanner {
  /** Takes the next chunk. The result may share its memory. */
  push(chunk: Buffer): Buffer[];
  /** Ends the stream (a body or a message) and returns the rest. The scanner can be reused afterwards. */
  flush(): Buffer[];
}

/** A scanner for a stream whose reader may be waiting for what has arrived so far. */
export interface PausingScanner extends Scanner {
  /**
   * Call this when the reader may be waiting. Returns the held bytes if they are so few that they are likely a chance match. The
   * search continues: if a form is completed later, it is found, and its rest replaced.
   */
  pause(): Buffer[];
}

const NOTHING = Buffer.alloc(0);

/**
 * Replaces a finder's matches in a stream. Holds back only the end of a chunk that could be the beginning of a form. A chunk
 * without matches is passed on without a copy.
 */
export class ReplacingScanner implements PausingScanner {
  readonly #finder: Finder;
  readonly #replacement: (match: Match, data: Buffer) => Buffer | undefined;
  #held = NOTHING;
  /** How many of the held bytes have already been returned at a pause. */
  #told = 0;

  /**
   * @param replacement called once for each match, in order. Undefined leaves the match as it is. If pauses are used, the replacement must
   * have the match's length.
   */
  constructor(finder: Finder, replacement: (match: Match, data: Buffer) => Buffer | undefined) {
    this.#finder = finder;
    this.#replacement = replacement;
  }

  push(chunk: Buffer): Buffer[] {
    return this.#scan(this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk, false);
  }

  flush(): Buffer[] {
    return this.#scan(this.#held, true);
  }

  pause(): Buffer[] {
    const held = this.#held;
    if (held.length === this.#told || held.length >= MIN_ENCODED_BYTES || this.#finder.search(held).next(0)) return [];
    const rest = held.subarray(this.#told);
    this.#told = held.length;
    return [rest];
  }

  #scan(data: Buffer, last: boolean): Buffer[] {
    const out: Buffer[] = [];
    if (data.length === 0) return out;
    if (this.#finder.forms.length === 0) return [data];
    const search = this.#finder.search(data, last);
    let passed = this.#told;
    let position = 0;
    let tail = last ? data.length : search.tail(0);
    for (let match = search.next(0); match && match.start < tail; match = search.next(position)) {
      position = match.end;
      if (tail < position) tail = last ? data.length : search.tail(position);
      const replacement = this.#replacement(match, data);
      if (!replacement) continue;
      if (passed < match.start) out.push(data.subarray(passed, match.start));
      const told = Math.max(0, passed - match.start);
      if (replacement.length > told) out.push(replacement.subarray(told));
      passed = match.end;
    }
    if (passed < tail) out.push(data.subarray(passed, tail));
    // A copy, so that a few bytes do not keep a whole chunk in memory.
    this.#held = tail < data.length ? Buffer.from(data.subarray(tail)) : NOTHING;
    this.#told = tail < data.length ? Math.max(0, passed - tail) : 0;
    return out;
  }
}

/** A scanner as a stream. */
export class ScannerTransform extends Transform {
  readonly #scanner: Scanner;

  constructor(scanner: Scanner) {
    super();
    this.#scanner = scanner;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#pass(() => this.#scanner.push(chunk), done);
  }

  override _flush(done: TransformCallback): void {
    this.#pass(() => this.#scanner.flush(), done);
  }

  #pass(scan: () => Buffer[], done: TransformCallback): void {
    let parts: Buffer[];
    try {
      parts = scan();
    } catch (error) {
      done(error as Error);
      return;
    }
    for (const part of parts) this.push(part);
    done();
  }
}
