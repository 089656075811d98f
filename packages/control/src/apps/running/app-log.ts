import type { Logger } from "@sandkeep/common";
import type { AppLogRecord, AppLogStore } from "@sandkeep/store";

/** What is kept of what an app prints in a second. */
const PER_SECOND = { lines: 200, bytes: 256 * 1024 };
/** What is read of it, bytes: splitting output into lines costs time, whatever becomes of them. */
const READ_PER_SECOND = 4 * 1024 * 1024;
/** What a piece of output counts at least, bytes. */
const MIN_PIECE = 1024;
const WINDOW_MS = 1_000;

/** How long a line waits for others to share a write, milliseconds. */
const FLUSH_AFTER_MS = 100;
/** Bytes of all apps that may wait for the disk. What comes above it is not kept. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
/** What a write has, which blocks the event loop meanwhile. */
const BATCH = { lines: 250, bytes: 256 * 1024 };
/** The oldest lines of an app are deleted each time it has printed so much, so that it may have so much more than it is to have. */
const PRUNE_EVERY = { lines: 1_000, bytes: 1024 * 1024 };
/** Bytes of an app that are kept, per line that is. */
const KEPT_PER_LINE = 1024;

type Line = Omit<AppLogRecord, "id"> & { app: string };

const sizeOf = ({ message }: Line) => Buffer.byteLength(message);

/** Stores what apps print. One that prints too fast loses lines, and is told how many. */
export class AppLog implements AsyncDisposable {
  readonly #store: AppLogStore;
  readonly #keep: number;
  readonly #log: Logger;
  /** Of apps that have printed within the last second. */
  readonly #windows = new Map<string, Window>();
  #waiting: Line[] = [];
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  /** What was written since the app's oldest lines were deleted. */
  readonly #written = new Map<string, { lines: number; bytes: number }>();

  /** @param keep lines of each app */
  constructor(store: AppLogStore, keep: number, log: Logger) {
    this.#store = store;
    this.#keep = keep;
    this.#log = log;
  }

  add(app: string, revision: string, level: Line["level"], message: string): void {
    const line = { app, revision, time: Date.now(), level, message };
    const window = this.#window(app);
    const fits = this.#waitingBytes < MAX_WAITING_BYTES;
    if (window.takes(sizeOf(line)) && fits) this.#enqueue(line);
    else window.drop(line);
  }

  /** Resolves when more of an app's output may be read, after this much: at once, unless it prints very fast. */
  async room(app: string, bytes: number): Promise<void> {
    const window = this.#window(app);
    window.read += Math.max(bytes, MIN_PIECE);
    if (window.read > READ_PER_SECOND) await window.over;
  }

  #window(app: string): Window {
    let window = this.#windows.get(app);
    if (!window) {
      window = new Window((line) => {
        this.#windows.delete(app);
        if (line) this.#enqueue(line);
      });
      this.#windows.set(app, window);
    }
    return window;
  }

  #enqueue(line: Line): void {
    this.#waiting.push(line);
    this.#waitingBytes += sizeOf(line);
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
  }

  /** Resolves when all lines so far are on disk, or have been given up. */
  flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    return (this.#writing = this.#writing.then(() => this.#write()));
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#batch();
      try {
        await this.#store.append(lines);
        for (const app of new Set(lines.map(({ app }) => app))) await this.#prune(app, lines);
      } catch (err) {
        this.#log.error({ err, lines: lines.length }, "lines of apps could not be stored, and are lost");
      }
    }
  }

  #batch(): Line[] {
    let [count, bytes] = [0, 0];
    for (const line of this.#waiting) {
      if (count >= BATCH.lines || (count > 0 && bytes + sizeOf(line) > BATCH.bytes)) break;
      count++;
      bytes += sizeOf(line);
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  async #prune(app: string, lines: readonly Line[]): Promise<void> {
    // After a start, there may be as much as that already.
    const written = this.#written.get(app) ?? { ...PRUNE_EVERY };
    this.#written.set(app, written);
    for (const line of lines) {
      if (line.app !== app) continue;
      written.lines++;
      written.bytes += sizeOf(line);
    }
    if (written.lines < PRUNE_EVERY.lines && written.bytes < PRUNE_EVERY.bytes) return;
    this.#written.set(app, { lines: 0, bytes: 0 });
    await this.#store.prune(app, { lines: this.#keep, bytes: this.#keep * KEPT_PER_LINE });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const window of this.#windows.values()) window.end();
    await this.flush();
  }
}

/** A second of an app. */
class Window {
  /** Bytes of its output. */
  read = 0;
  readonly over: Promise<void>;
  readonly #onEnd: (line: Line | null) => void;
  readonly #resolve: () => void;
  readonly #timer: NodeJS.Timeout;
  #lines = 0;
  #bytes = 0;
  #dropped = 0;
  #last: Line | null = null;

  /** @param onEnd gets a line that says how many were dropped, if any were */
  constructor(onEnd: (line: Line | null) => void) {
    this.#onEnd = onEnd;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#resolve = resolve;
    this.#timer = setTimeout(() => this.end(), WINDOW_MS);
  }

  /** Whether a line may be kept. */
  takes(bytes: number): boolean {
    this.#lines++;
    this.#bytes += bytes;
    return this.#lines <= PER_SECOND.lines && this.#bytes <= PER_SECOND.bytes;
  }

  drop(line: Line): void {
    this.#dropped++;
    this.#last = line;
  }

  end(): void {
    clearTimeout(this.#timer);
    const message = `${this.#dropped} more lines are not kept: of each second, ${PER_SECOND.lines} lines and ${PER_SECOND.bytes / 1024} KiB are.`;
    this.#onEnd(this.#last && { ...this.#last, level: "warn", message });
    this.#resolve();
  }
}
