import { PassThrough, type Readable } from "node:stream";
import type { InputStream, Streams } from "../output/terminal.ts";

/** How much of each output `run --json` keeps, in bytes; a command that prints more should write a file. */
const MAX_COLLECTED_BYTES = 16 * 2 ** 20;

/** Outputs that are collected as text instead of shown. */
export class Collected {
  readonly streams: Streams;
  readonly #kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  readonly #bytes = { stdout: 0, stderr: 0 };
  truncated = false;

  constructor(stdin: InputStream) {
    this.streams = { stdin, stdout: this.#stream("stdout"), stderr: this.#stream("stderr") };
  }

  get stdout(): string {
    return Buffer.concat(this.#kept.stdout).toString();
  }

  get stderr(): string {
    return Buffer.concat(this.#kept.stderr).toString();
  }

  #stream(name: "stdout" | "stderr"): PassThrough {
    const stream = new PassThrough();
    (stream as Readable).on("data", (chunk: Buffer) => {
      const room = MAX_COLLECTED_BYTES - this.#bytes[name];
      if (chunk.length > room) this.truncated = true;
      this.#kept[name].push(chunk.subarray(0, Math.max(0, room)));
      this.#bytes[name] += chunk.length;
    });
    return stream;
  }
}
