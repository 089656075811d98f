import type { Writable } from "node:stream";
import { INPUT_WINDOW_BYTES } from "./limits.ts";

/** The page is told what its shell has taken whenever that is so much more, in bytes: it must never wait for it with half of its window free. */
const TELL_BYTES = INPUT_WINDOW_BYTES / 4;

/** What is typed, on its way to a shell that may be slow. */
export class Input {
  readonly #stdin: Writable;
  readonly #tell: (taken: number) => void;
  #received = 0;
  #taken = 0;
  #told = 0;

  /** @param tell called with the number of bytes that the shell has taken */
  constructor(stdin: Writable, tell: (taken: number) => void) {
    this.#stdin = stdin;
    this.#tell = tell;
    stdin.on("error", () => {});
  }

  /** How many bytes there were. */
  get received(): number {
    return this.#received;
  }

  /** False if that is more than the page may send. */
  push(bytes: Buffer): boolean {
    if (this.#received + bytes.length - this.#taken > INPUT_WINDOW_BYTES) return false;
    this.#received += bytes.length;
    // A shell that takes no more input has ended, or will.
    this.#stdin.write(bytes, () => {
      this.#taken += bytes.length;
      if (this.#taken - this.#told >= TELL_BYTES) this.tell();
    });
    return true;
  }

  tell(): void {
    this.#told = this.#taken;
    this.#tell(this.#taken);
  }
}
