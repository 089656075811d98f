/** A Deno process that a client started: whether it serves HTTP and where, and its restarts under `--watch`. */
import { LineReader } from "@sandkeep/common";
import { z } from "zod";
import { noSuchProcess } from "../errors.ts";
import { REPORT_LINE_BYTES } from "../limits.ts";

/** What `preload.js` reports. The user's code can write to the pipe too, so anything else is ignored. */
const reportSchema = z.union([
  z.object({ listening: z.number().int().min(0).max(65535) }),
  z.object({ started: z.number() }),
]);

export class DenoProgram {
  readonly pid: number;
  /** Called each time the program starts again. */
  onRestart: (() => void) | null = null;
  readonly #lines = new LineReader(REPORT_LINE_BYTES);
  readonly #waiting = new Set<{
    onPort: boolean;
    resolve: (serves: boolean) => void;
    reject: (error: Error) => void;
  }>();
  #port: number | null = null;
  #firstPort: number | null = null;
  #starts = 0;
  #deaf = false;
  #ended = false;

  constructor(pid: number) {
    this.pid = pid;
  }

  /** Whether the process has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Port of the HTTP server that was started last; null before there is one, 0 if it listens on no port. */
  get port(): number | null {
    return this.#port;
  }

  /** Port of the first HTTP server that listens on one; null before there is one. */
  get firstPort(): number | null {
    return this.#firstPort;
  }

  /** Receives what the program's reporter sent. */
  push(bytes: Buffer): void {
    if (this.#deaf) return;
    try {
      for (const line of this.#lines.push(bytes)) this.#take(line);
    } catch {
      // An endless line: the user's program writes here too. Nothing more can be learned from it.
      this.#deaf = true;
    }
  }

  /** True once it serves HTTP, with `onPort` at a port and not only at a socket file; false if it ends before. */
  listening(signal: AbortSignal, { onPort = false } = {}): Promise<boolean> {
    if ((onPort ? this.#firstPort : this.#port) !== null) return Promise.resolve(true);
    if (this.#ended) return Promise.resolve(false);
    return new Promise((resolve, reject) => {
      const settled = () => {
        this.#waiting.delete(waiter);
        signal.removeEventListener("abort", abort);
      };
      const waiter = {
        onPort,
        resolve: (serves: boolean) => (settled(), resolve(serves)),
        reject: (error: Error) => (settled(), reject(error)),
      };
      const abort = () => waiter.reject(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** The process has ended. */
  end(): void {
    this.#ended = true;
    for (const waiter of [...this.#waiting]) waiter.resolve(false);
  }

  /** The sandbox has ended. */
  gone(): void {
    this.#ended = true;
    for (const waiter of [...this.#waiting]) waiter.reject(noSuchProcess(this.pid));
  }

  #take(line: string): void {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return;
    }
    const { data: report } = reportSchema.safeParse(value);
    if (!report) return;
    if ("started" in report) {
      if (++this.#starts > 1) this.onRestart?.();
      return;
    }
    this.#port = report.listening;
    if (report.listening > 0) this.#firstPort ??= report.listening;
    for (const waiter of [...this.#waiting]) if (!waiter.onPort || this.#firstPort !== null) waiter.resolve(true);
  }
}
