import { EventEmitter, once } from "node:events";
import type { Logger } from "@sandkeep/common";

export interface Logged {
  level: keyof Logger;
  message: string;
  fields: Record<string, unknown>;
}

/** FOR TESTS ONLY: a log that can be waited for. */
export class TestLog implements Logger {
  readonly entries: Logged[] = [];
  readonly #written = new EventEmitter();

  debug = (fields: object, message: string) => this.#write("debug", fields, message);
  info = (fields: object, message: string) => this.#write("info", fields, message);
  warn = (fields: object, message: string) => this.#write("warn", fields, message);
  error = (fields: object, message: string) => this.#write("error", fields, message);

  /** The next entry that matches, from now on or not yet asked for. */
  async next(pattern: RegExp): Promise<Logged> {
    for (;;) {
      const at = this.entries.findIndex(({ message }) => pattern.test(message));
      if (at >= 0) return this.entries.splice(0, at + 1).at(-1)!;
      await once(this.#written, "entry");
    }
  }

  #write(level: keyof Logger, fields: object, message: string): void {
    this.entries.push({ level, message, fields: { ...fields } });
    this.#written.emit("entry");
  }
}
