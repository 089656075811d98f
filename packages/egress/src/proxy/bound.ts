import { Transform, type TransformCallback } from "node:stream";
import { Refusal } from "./refusal.ts";

/** Ends a body that is longer than a rule permits, whatever was declared. */
export class Bound extends Transform {
  readonly #rule: string | null;
  #left: number;

  constructor(bytes: number, rule: string | null) {
    super();
    this.#left = bytes;
    this.#rule = rule;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#left -= chunk.length;
    if (this.#left >= 0) return done(null, chunk);
    done(new Refusal("The body of the request is larger than this sandbox's request rules permit.", { status: 413, verdict: "denied", rule: this.#rule }));
  }
}
