import type { Logger } from "@sandkeep/common";
import type { AppLogRecord, AppLogStore } from "@sandkeep/store";

/** How long a line waits for others to share a write, milliseconds. */
const FLUSH_AFTER_MS = 100;
/** Lines that may wait. Above it, apps wait with what they print. */
const MAX_WAITING = 2_000;
/** Lines per write, which blocks the event loop meanwhile. */
const BATCH = 500;
/** The oldest lines of an app are deleted each time it has printed so many, so that it may have so many more than it is to have. */
const PRUNE_EVERY = 1_000;

type Line = Omit<AppLogRecord, "id"> & { app: string };

/** Stores what apps print. An app that prints faster than the disk takes it is slowed down. */
export class AppLog implements AsyncDisposable {
  readonly #store: AppLogStore;
  readonly #keep: number;
  readonly #log: Logger;
  #waiting: Line[] = [];
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();
  /** Lines since the app's oldest were deleted. */
  readonly #printed = new Map<string, number>();

  /** @param keep lines of each app */
  constructor(store: AppLogStore, keep: number, log: Logger) {
    this.#store = store;
    this.#keep = keep;
    this.#log = log;
  }

  add(app: string, revision: string, level: Line["level"], message: string): void {
    this.#waiting.push({ app, revision, time: Date.now(), level, message });
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_AFTER_MS);
  }

  /** Resolves when there is room for more. */
  async room(): Promise<void> {
    while (this.#waiting.length >= MAX_WAITING) await this.flush();
  }

  /** Resolves when all lines so far are on disk, or have been given up. */
  flush(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    return (this.#writing = this.#writing.then(() => this.#write()));
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const lines = this.#waiting.splice(0, BATCH);
      try {
        await this.#store.append(lines);
        for (const { app } of lines) this.#printed.set(app, (this.#printed.get(app) ?? 0) + 1);
        for (const [app, printed] of this.#printed) {
          if (printed < PRUNE_EVERY) continue;
          this.#printed.delete(app);
          await this.#store.prune(app, this.#keep);
        }
      } catch (err) {
        this.#log.error({ err, lines: lines.length }, "lines of apps could not be stored, and are lost");
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }
}
