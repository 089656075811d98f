import { Transform, type TransformCallback } from "node:stream";

/** Reads a stream in chunks, however split, and gives back what may be passed on. */
export interface Scanner {
  /** Takes the next chunk. What is given back may share its memory. */
  push(chunk: Buffer): Buffer[];
  /** Says that nothing follows (the end of a body or of a message) and gives back the rest. The scanner can be used anew afterwards. */
  flush(): Buffer[];
}

/** A scanner as a stream. */
export class ScannerTransform extends Transform {
  readonly #scanner: Scanner;

  constructor(scanner: Scanner) {
    super();
    this.#scanner = scanner;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    for (const part of this.#scanner.push(chunk)) this.push(part);
    done();
  }

  override _flush(done: TransformCallback): void {
    for (const part of this.#scanner.flush()) this.push(part);
    done();
  }
}
