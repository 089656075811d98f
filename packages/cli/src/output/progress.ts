import type { Writable } from "node:stream";
import { formatDuration } from "../values/duration.ts";
import { printable } from "./colour.ts";

/** Shows the progress of long work. */
export interface Progress {
  /** Starts a step and ends the previous one. */
  step(title: string): void;
  /** Sets the progress of the current step, 0 to 1, optionally with a message. */
  fraction(done: number, note?: string): void;
  /** Ends the last step. */
  done(): void;
  /** Ends the last step as failed and leaves it on the screen. */
  fail(): void;
}

const BAR_WIDTH = 24;
/** Shortest time between two redraws, in milliseconds: nobody sees more than ten per second. */
const REDRAW_MS = 100;

/** Progress on a stream: a bar that redraws itself on a terminal, one line per step elsewhere. */
export function progressOn(
  stream: Writable & { isTTY?: boolean; columns?: number },
  now: () => number = Date.now,
): Progress {
  return stream.isTTY ? new Bar(stream, now) : new Lines(stream, now);
}

/** For `--quiet`, and for work whose progress is not worth showing. */
export const silent: Progress = { step() {}, fraction() {}, done() {}, fail() {} };

/** Without a terminal, a line is printed each time this much more is done. */
const LINE_FRACTION = 0.2;

class Lines implements Progress {
  readonly #stream: Writable;
  readonly #now: () => number;
  #current: { title: string; since: number; told: number } | undefined;

  constructor(stream: Writable, now: () => number) {
    this.#stream = stream;
    this.#now = now;
  }

  step(title: string): void {
    this.done();
    this.#current = { title: printable(title), since: this.#now(), told: 0 };
    this.#stream.write(`${printable(title)} …\n`);
  }

  fraction(done: number, note = ""): void {
    if (!this.#current || !note || done - this.#current.told < LINE_FRACTION) return;
    this.#current.told = done;
    this.#stream.write(`${this.#current.title}: ${Math.floor(done * 100)} % (${note})\n`);
  }

  done(): void {
    this.#end("done in");
  }

  fail(): void {
    this.#end("failed after");
  }

  #end(word: string): void {
    if (!this.#current) return;
    const { title, since } = this.#current;
    this.#current = undefined;
    this.#stream.write(`${title}: ${word} ${formatDuration(this.#now() - since)}\n`);
  }
}

class Bar implements Progress {
  readonly #stream: Writable & { columns?: number };
  readonly #now: () => number;
  #current: { title: string; since: number; done: number; note: string } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: Writable & { columns?: number }, now: () => number) {
    this.#stream = stream;
    this.#now = now;
  }

  step(title: string): void {
    this.done();
    this.#current = { title: printable(title), since: this.#now(), done: NaN, note: "" };
    this.#timer ??= setInterval(() => this.#draw(), REDRAW_MS).unref();
    this.#draw();
  }

  fraction(done: number, note = ""): void {
    if (!this.#current) return;
    this.#current.done = Math.min(1, Math.max(0, done));
    this.#current.note = note;
  }

  done(): void {
    this.#end("✔");
  }

  fail(): void {
    this.#end("✘");
  }

  #end(mark: string): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (!this.#current) return;
    const { title, since } = this.#current;
    this.#current = undefined;
    this.#stream.write(`\r\x1b[K${mark} ${title} (${formatDuration(this.#now() - since)})\n`);
  }

  #draw(): void {
    if (!this.#current) return;
    const { title, since, done, note } = this.#current;
    const passed = formatDuration(Math.floor((this.#now() - since) / 1_000) * 1_000);
    const bar = Number.isNaN(done)
      ? ""
      : ` ${"█".repeat(Math.round(done * BAR_WIDTH)).padEnd(BAR_WIDTH, "░")} ${String(Math.floor(done * 100)).padStart(3)} %`;
    const text = `  ${title}${bar} ${note || passed}`;
    this.#stream.write(`\r\x1b[K${text.slice(0, (this.#stream.columns ?? 80) - 1)}`);
  }
}
